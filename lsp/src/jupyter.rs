//! Finds the kernel of a notebook through the sessions of Jupyter servers on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server on this machine answers within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A list of sessions is never longer than this, bytes.
const LONGEST: u64 = 8 << 20;

/// A Jupyter server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    /// Its token; empty for none.
    pub(crate) token: String,
    /// The folder that its paths start from, when it is known.
    pub(crate) root: Option<PathBuf>,
}

/// Why there is no kernel to be found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No server is known.
    #[error("no Jupyter server of this user runs (there is no jpserver-*.json in {}); start the notebook's kernel there, or give its connection file", folder.display())]
    NoServer {
        /// Where was looked.
        folder: PathBuf,
    },
    /// A server cannot be asked.
    #[error("the Jupyter server at {url} cannot be asked for its sessions: {why}; check its address and token")]
    Server {
        /// Its address.
        url: String,
        /// What happened.
        why: String,
    },
    /// None has a session for the notebook.
    #[error("no Jupyter server runs a kernel for {}; open it there and run a cell", notebook.display())]
    NoSession {
        /// The notebook.
        notebook: PathBuf,
    },
    /// The kernel's connection file is not there.
    #[error("the kernel of {} runs, but its connection file {} is not there: it runs on another machine, or under another user; nbhoist must run where the kernel runs", notebook.display(), file.display())]
    NoFile {
        /// The notebook.
        notebook: PathBuf,
        /// Where it should be.
        file: PathBuf,
    },
}

/// The connection file of the kernel that a server runs for this notebook.
///
/// # Errors
/// When there is none.
pub(crate) async fn connection_file(notebook: &Path, server: Option<Server>) -> Result<PathBuf, Error> {
    let folder = runtime_folder();
    let given = server.is_some();
    let servers = server.map_or_else(|| running(&folder), |server| vec![server]);
    if servers.is_empty() {
        return Err(Error::NoServer { folder });
    }
    let mut failed = None;
    for server in &servers {
        match sessions(server).await {
            Ok(sessions) => {
                if let Some(kernel) = kernel_of(notebook, &sessions, server.root.as_deref()) {
                    let file = folder.join(format!("kernel-{kernel}.json"));
                    return if file.is_file() { Ok(file) } else { Err(Error::NoFile { notebook: notebook.to_path_buf(), file }) };
                }
            }
            Err(why) => failed = Some(Error::Server { url: server.url.clone(), why }),
        }
    }
    // A server that left its file behind is no reason; one that was named is.
    Err(failed.filter(|_| given).unwrap_or_else(|| Error::NoSession { notebook: notebook.to_path_buf() }))
}

/// Jupyter's runtime folder, found the way Jupyter does it.
pub(crate) fn runtime_folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::home_dir().unwrap_or_default();
    let data = || {
        if cfg!(target_os = "macos") {
            home().join("Library").join("Jupyter")
        } else if cfg!(windows) {
            variable("APPDATA").unwrap_or_else(home).join("jupyter")
        } else {
            variable("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local").join("share")).join("jupyter")
        }
    };
    variable("JUPYTER_RUNTIME_DIR").unwrap_or_else(|| variable("JUPYTER_DATA_DIR").unwrap_or_else(data).join("runtime"))
}

/// The servers that left a file in the runtime folder.
fn running(folder: &Path) -> Vec<Server> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("jpserver-") && path.extension().is_some_and(|ending| ending == "json")
    });
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files.iter().filter_map(|path| described(&std::fs::read_to_string(path).ok()?)).collect()
}

fn described(text: &str) -> Option<Server> {
    let value: Value = serde_json::from_str(text).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Server { url: text("url")?, token: text("token").unwrap_or_default(), root: text("root_dir").map(PathBuf::from) })
}

/// The kernel id of the session for this notebook.
fn kernel_of(notebook: &Path, sessions: &Value, root: Option<&Path>) -> Option<String> {
    let sessions = sessions.as_array()?;
    let matching = sessions.iter().find(|session| {
        let path = session.get("path").and_then(Value::as_str).unwrap_or_default().trim_start_matches('/');
        !path.is_empty() && root.map_or_else(|| notebook.ends_with(path), |root| same_file(&root.join(path), notebook))
    });
    matching?.get("kernel")?.get("id")?.as_str().map(str::to_owned)
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// `GET /api/sessions`, in HTTP 1.0: the answer ends where the connection does.
async fn sessions(server: &Server) -> Result<Value, String> {
    let rest =
        server.url.strip_prefix("http://").ok_or("its address does not start with http://; only servers on this machine are asked")?;
    let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
    let base = base.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let base = if base.is_empty() { String::new() } else { format!("/{base}") };
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let clean = |text: &str| !text.chars().any(char::is_control);
    if !clean(&server.token) || !clean(authority) || !clean(&base) {
        return Err("its address or token holds control characters".to_owned());
    }
    let token = if server.token.is_empty() { String::new() } else { format!("Authorization: token {}\r\n", server.token) };
    let request = format!("GET {base}/api/sessions HTTP/1.0\r\nHost: {authority}\r\nAccept: application/json\r\n{token}\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(&address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| "it does not answer".to_owned())?;
    body(&answer.map_err(|error| error.to_string())?)
}

/// The JSON of an answer whose status is 200.
fn body(answer: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("it does not speak HTTP")?;
    let status = head.lines().next().unwrap_or_default();
    match status.split_whitespace().nth(1) {
        Some("200") => serde_json::from_str(body).map_err(|error| format!("its answer is no JSON ({error})")),
        Some("401" | "403") => Err("it does not accept the token".to_owned()),
        _ => Err(format!("it answers `{status}`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sessions_are_matched_by_path() {
        let sessions = json!([
            {"path": "other/a.ipynb", "kernel": {"id": "k1"}},
            {"path": "a.ipynb", "kernel": {"id": "k2"}},
            {"path": "", "kernel": {"id": "k3"}},
        ]);
        let found = |path: &str, root: Option<&str>| kernel_of(Path::new(path), &sessions, root.map(Path::new));
        assert_eq!(found("/home/me/a.ipynb", Some("/home/me")).as_deref(), Some("k2"));
        assert_eq!(found("/home/me/other/a.ipynb", Some("/home/me")).as_deref(), Some("k1"));
        assert_eq!(found("/x/other/a.ipynb", None).as_deref(), Some("k1"));
        assert_eq!(found("/home/me/b.ipynb", None), None);
    }

    #[test]
    fn answers_are_read_or_refused() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n[]"), Ok(json!([])));
        assert!(body(b"HTTP/1.1 403 Forbidden\r\n\r\n{}").unwrap_err().contains("token"));
        assert!(body(b"SSH-2.0").unwrap_err().contains("HTTP"));
    }

    #[test]
    fn server_files_are_read() {
        let server = described(r#"{"url": "http://localhost:8888/", "token": "t", "root_dir": "/n", "pid": 1}"#);
        assert_eq!(server, Some(Server { url: "http://localhost:8888/".to_owned(), token: "t".to_owned(), root: Some("/n".into()) }));
        assert_eq!(described("{}"), None);
    }
}

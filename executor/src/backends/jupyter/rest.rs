//! What is asked of a Jupyter server over HTTP: kernels and the sessions that name them.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::backend::BackendError;

/// How long an answer may take: a server may start a kernel, or pull an image for it, before it answers.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long a Hub may take to start the user's server.
const HUB: Duration = Duration::from_mins(5);

/// A server and the token for it.
#[derive(Clone)]
pub(super) struct Rest {
    /// Without a slash at its end.
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

/// A kernel and its session.
type Started = (String, String);

/// What this process started, by address and name.
static STARTED: LazyLock<Mutex<HashMap<String, Started>>> = LazyLock::new(Mutex::default);

fn remembered<T>(with: impl FnOnce(&mut HashMap<String, Started>) -> T) -> T {
    with(&mut STARTED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Answer of the server: status and body.
type Answer = (u16, Value);

impl Rest {
    pub(super) fn new(uri: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        Self { base: uri.trim_end_matches('/').to_owned(), token, agent: config.into() }
    }

    /// The address of a kernel's channels.
    pub(super) fn channels(&self, kernel: &str, session: &str) -> String {
        let base = self.base.replacen("http", "ws", 1);
        format!("{base}/api/kernels/{kernel}/channels?session_id={session}")
    }

    /// The value of the header that says who asks.
    pub(super) fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("token {token}"))
    }

    /// Starts a kernel under a name of its own; gives its id.
    pub(super) async fn start(&self, name: &str, kernel: Option<&str>) -> Result<String, BackendError> {
        self.wake().await?;
        let kernel = match kernel {
            Some(kernel) => kernel.to_owned(),
            None => self.usual_kernel().await,
        };
        let body = json!({ "path": name, "name": name, "type": "console", "kernel": { "name": kernel } });
        let (status, answer) = self.call("POST", format!("{}/api/sessions", self.base), Some(body)).await?;
        let id = answer.get("kernel").and_then(|kernel| kernel.get("id")).and_then(Value::as_str);
        match id {
            Some(id) if status < 300 => {
                let session = answer.get("id").and_then(Value::as_str).unwrap_or_default();
                remembered(|known| known.insert(self.key(name), (id.to_owned(), session.to_owned())));
                Ok(id.to_owned())
            }
            _ => Err(self.refused(&format!("the server did not start the kernel {kernel:?}"), status, &answer)),
        }
    }

    async fn usual_kernel(&self) -> String {
        let specs = self.call("GET", format!("{}/api/kernelspecs", self.base), None).await;
        let usual = specs.ok().and_then(|(_, specs)| Some(specs.get("default")?.as_str()?.to_owned()));
        usual.unwrap_or_else(|| "python3".to_owned())
    }

    fn key(&self, name: &str) -> String {
        format!("{} {name}", self.base)
    }

    /// The kernel that was started under a name, and the id of its session. Of one that another process started only a server knows
    /// that lists its sessions; gateways do so when they are told to.
    pub(super) async fn find(&self, name: &str) -> Result<Option<(String, String)>, BackendError> {
        if let Some(started) = remembered(|known| known.get(&self.key(name)).cloned()) {
            return Ok(Some(started));
        }
        let (status, answer) = self.call("GET", format!("{}/api/sessions", self.base), None).await?;
        let sessions = answer.as_array().ok_or_else(|| self.refused("the server does not list its sessions", status, &answer))?;
        let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
        // Gateways have the path where older servers had it.
        let path = |session: &Value| text(session, "path").or_else(|| text(session.get("notebook")?, "path"));
        let ours = sessions.iter().find(|session| path(session).as_deref() == Some(name));
        Ok(ours.and_then(|session| Some((text(session.get("kernel")?, "id")?, text(session, "id")?))))
    }

    /// Ends a session and its kernel.
    pub(super) async fn end(&self, name: &str) -> Result<(), BackendError> {
        if let Some((kernel, session)) = self.find(name).await? {
            let (status, _) = self.call("DELETE", format!("{}/api/sessions/{session}", self.base), None).await?;
            if status >= 300 {
                self.call("DELETE", format!("{}/api/kernels/{kernel}", self.base), None).await?;
            }
            remembered(|known| known.remove(&self.key(name)));
        }
        Ok(())
    }

    /// Has a Hub start the user's server where it is not running.
    async fn wake(&self) -> Result<(), BackendError> {
        let Some((hub, user)) = self.base.split_once("/user/") else { return Ok(()) };
        let (user, server) = user.split_once('/').unwrap_or((user, ""));
        let place = if server.is_empty() { "server".to_owned() } else { format!("servers/{server}") };
        let until = tokio::time::Instant::now() + HUB;
        let mut asked = false;
        loop {
            let (status, answer) = self.call("GET", format!("{}/api/status", self.base), None).await?;
            if status < 300 {
                return Ok(());
            }
            if !matches!(status, 404 | 424 | 503) || tokio::time::Instant::now() >= until {
                return Err(self.refused("the Hub does not give access to the server", status, &answer));
            }
            if !std::mem::replace(&mut asked, true) {
                let (status, answer) = self.call("POST", format!("{hub}/hub/api/users/{user}/{place}"), None).await?;
                // 400: it is starting already.
                if status >= 300 && status != 400 {
                    return Err(self.refused("the Hub did not start the server", status, &answer));
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn refused(&self, what: &str, status: u16, answer: &Value) -> BackendError {
        let said = answer.get("message").or_else(|| answer.get("reason")).and_then(Value::as_str).unwrap_or_default();
        let why = match (status, &self.token) {
            (401 | 403, None) => {
                "it wants a token: put it into the environment variable JUPYTER_TOKEN, or name another one with `token-env`".to_owned()
            }
            (401 | 403, Some(_)) => "it does not accept the token".to_owned(),
            (404, _) => format!("there is no such thing (404) {said}; is {} the address of a Jupyter server?", self.base),
            _ => format!("it answered {status} {said}"),
        };
        BackendError::Service { what: format!("{what} at {}", self.base), why }
    }

    async fn call(&self, method: &'static str, url: String, body: Option<Value>) -> Result<Answer, BackendError> {
        let (agent, authorization, base) = (self.agent.clone(), self.authorization(), self.base.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let mut request = ureq::http::Request::builder().method(method).uri(&url);
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            let body = body.map_or_else(String::new, |body| body.to_string());
            let request = request.header("Content-Type", "application/json").body(body).map_err(|error| error.to_string())?;
            let mut response = agent.run(request).map_err(|error| error.to_string())?;
            let text = response.body_mut().read_to_string().unwrap_or_default();
            Ok::<_, String>((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
        });
        let failed = |why: String| BackendError::Service { what: format!("the server at {base} cannot be reached"), why };
        asked.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }
}

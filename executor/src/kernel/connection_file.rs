//! Connection files: how a kernel says where it listens.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jupyter_protocol::ConnectionInfo;
use serde_json::{Value, json};

use super::KernelError;

/// Reads a kernel's connection file.
///
/// # Errors
/// When it cannot be read, is no connection file, or asks for CURVE encryption.
pub(super) fn read(path: &Path) -> Result<ConnectionInfo, KernelError> {
    let error = |why: String| KernelError::ConnectionFile { path: path.to_path_buf(), why };
    let text = std::fs::read_to_string(path).map_err(|io| error(io.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|json| error(json.to_string()))?;
    if value.get("curve_publickey").is_some_and(|key| !key.is_null()) {
        return Err(KernelError::Encrypted { path: path.to_path_buf() });
    }
    let info: ConnectionInfo = serde_json::from_value(value).map_err(|json| error(json.to_string()))?;
    if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
        return Err(error(format!("its signature scheme is {:?}, and only hmac-sha256 is supported", info.signature_scheme)));
    }
    Ok(info)
}

/// Writes a connection file, readable by this user only, for a kernel that chooses its own ports: it fills in the zeros.
/// So no port can be taken by another process between choosing and binding.
pub(super) fn offer(directory: &Path) -> std::io::Result<PathBuf> {
    let path = directory.join("kernel.json");
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let offered = json!({
        "ip": "127.0.0.1", "transport": "tcp", "key": key, "signature_scheme": "hmac-sha256",
        "shell_port": 0, "iopub_port": 0, "stdin_port": 0, "control_port": 0, "hb_port": 0,
    });
    options.open(&path)?.write_all(offered.to_string().as_bytes())?;
    Ok(path)
}

/// The connection info, once the kernel has filled in its ports.
pub(super) fn accepted(path: &Path) -> Option<ConnectionInfo> {
    let info = read(path).ok()?;
    let ports = [info.shell_port, info.iopub_port, info.stdin_port, info.control_port, info.hb_port];
    ports.iter().all(|port| *port != 0).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<ConnectionInfo, KernelError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kernel.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn encrypted_kernel_is_refused() {
        let text = r#"{"ip": "127.0.0.1", "transport": "tcp", "curve_publickey": "abc", "key": "k", "signature_scheme": "hmac-sha256",
            "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}"#;
        let error = read_text(text).unwrap_err();
        assert!(matches!(error, KernelError::Encrypted { .. }), "{error}");
    }

    #[test]
    fn text_that_is_no_connection_file_is_named_in_the_error() {
        for text in ["", "[]", "{\"ip\": 3}", "\0\0"] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains("kernel.json"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn offered_file_is_private_and_not_yet_accepted() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = offer(directory.path()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(accepted(&path).is_none());
        assert!(read(&path).unwrap().key.len() >= 64);
    }
}

//! Frames: how messages travel to a worker and back, and how bundles lie in a file.
//!
//! A frame is a big-endian `u32` header length, a JSON header, and `header["n"]` bytes of payload. Decoding accepts
//! any bytes: what is not a frame gives an error, what is not yet complete says how much is missing.

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest header, bytes. An output travels in its header; any text that is no frame announces more than this.
pub const MAX_HEADER: usize = 256 << 20;

/// Longest payload, bytes.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// How much is read at once when the length of what comes is not known, bytes.
const READ_AHEAD: usize = 64 << 10;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The header without the payload's length; holds at least `"op"`.
    pub header: Map<String, Value>,
    /// The raw bytes that follow.
    pub payload: Bytes,
}

impl Frame {
    /// A frame with this `op` and nothing else.
    pub fn new(op: &str) -> Self {
        let mut header = Map::new();
        header.insert("op".to_owned(), op.into());
        Self { header, payload: Bytes::new() }
    }

    /// The frame with another header field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.header.insert(key.to_owned(), value.into());
        self
    }

    /// The frame with this payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// What the frame is for.
    pub fn op(&self) -> &str {
        self.header.get("op").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Why bytes are not a frame, or a frame cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The announced header is longer than the protocol allows.
    #[error("a frame announces a header of {length} bytes (at most {MAX_HEADER} are allowed); the stream starts with {preview:?}")]
    HeaderTooLong {
        /// Announced length, bytes.
        length: usize,
        /// The first bytes as text: a login banner or an error message of another program shows here.
        preview: String,
    },
    /// The payload is longer than the protocol allows.
    #[error("a frame has a payload of {length} bytes (at most {MAX_PAYLOAD} are allowed)")]
    PayloadTooLong {
        /// Its length, bytes.
        length: u64,
    },
    /// The header is not a JSON object with an `op`.
    #[error("a frame's header is not understood: {why}")]
    BadHeader {
        /// What is wrong.
        why: String,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended in the middle of a frame: {missing} bytes are missing")]
    Truncated {
        /// How many bytes at least are missing.
        missing: usize,
    },
    /// The stream could not be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// What the front of a byte buffer is.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// A frame that took so many bytes.
    Frame(Frame, usize),
    /// Not complete: at least so many bytes are needed in all.
    Need(usize),
}

/// Writes a frame's bytes.
///
/// # Errors
/// When the header or the payload is longer than the protocol allows, or the header has no `op`.
pub fn encode(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    let mut bytes = head(frame)?;
    bytes.extend_from_slice(&frame.payload);
    Ok(bytes)
}

/// Whether a frame can be written.
///
/// # Errors
/// As [`encode`], except that the length of the header is only estimated where it is near the limit.
pub(crate) fn check(frame: &Frame) -> Result<(), FrameError> {
    if frame.payload.len() > MAX_PAYLOAD {
        return Err(FrameError::PayloadTooLong { length: frame.payload.len() as u64 });
    }
    // A text of this many bytes has at most six times as many in JSON.
    let text: usize = frame.header.values().filter_map(|value| value.as_str().map(str::len)).sum();
    if text > MAX_HEADER / 8 { head(frame).map(|_| ()) } else { Ok(()) }
}

/// What stands before a frame's payload.
fn head(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    if frame.payload.len() > MAX_PAYLOAD {
        return Err(FrameError::PayloadTooLong { length: frame.payload.len() as u64 });
    }
    if frame.op().is_empty() {
        return Err(bad(&"it has no \"op\""));
    }
    let mut header = frame.header.clone();
    header.insert("n".to_owned(), frame.payload.len().into());
    let header = serde_json::to_vec(&header).map_err(|error| bad(&error))?;
    let length = u32::try_from(header.len()).ok().filter(|_| header.len() <= MAX_HEADER);
    let Some(length) = length else {
        return Err(FrameError::HeaderTooLong { length: header.len(), preview: preview(&header) });
    };
    Ok([&length.to_be_bytes()[..], &header].concat())
}

/// Reads the frame at the front of `bytes`.
///
/// # Errors
/// When the bytes cannot be the beginning of a frame, whatever follows.
pub fn decode(bytes: &[u8]) -> Result<Decoded, FrameError> {
    Ok(match front(bytes)? {
        Front::Frame(header, start, end) => Decoded::Frame(Frame { header, payload: Bytes::copy_from_slice(&bytes[start..end]) }, end),
        Front::Need(need) => Decoded::Need(need),
    })
}

/// What the front of a byte buffer is: a frame with this header and a payload from here to there, or not enough.
enum Front {
    Frame(Map<String, Value>, usize, usize),
    Need(usize),
}

fn front(bytes: &[u8]) -> Result<Front, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(Front::Need(4));
    };
    let length = checked_length(*length, bytes)?;
    let Some(header) = rest.get(..length) else {
        return Ok(Front::Need(4 + length));
    };
    let (header, n) = parse_header(header)?;
    let (start, end) = (4 + length, 4 + length + n);
    Ok(if bytes.len() < end { Front::Need(end) } else { Front::Frame(header, start, end) })
}

/// The length of a header; `bytes` is what the stream starts with.
fn checked_length(length: [u8; 4], bytes: &[u8]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_HEADER { Err(FrameError::HeaderTooLong { length, preview: preview(bytes) }) } else { Ok(length) }
}

fn parse_header(bytes: &[u8]) -> Result<(Map<String, Value>, usize), FrameError> {
    // Python writes lone surrogates (undecodable file names in output, say) in a way that is no UTF-8.
    let mut header: Map<String, Value> = serde_json::from_str(&String::from_utf8_lossy(bytes)).map_err(|error| bad(&error))?;
    if header.get("op").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(bad(&"it has no \"op\""));
    }
    let n = match header.shift_remove("n") {
        None => 0,
        Some(n) => n.as_u64().ok_or_else(|| bad(&"\"n\" is not a length"))?,
    };
    match usize::try_from(n) {
        Ok(n) if n <= MAX_PAYLOAD => Ok((header, n)),
        _ => Err(FrameError::PayloadTooLong { length: n }),
    }
}

fn bad(why: &dyn ToString) -> FrameError {
    FrameError::BadHeader { why: why.to_string() }
}

fn preview(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned()
}

/// Reads frames from a byte stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader that has read nothing yet.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next frame, or `None` when the stream ended between two frames.
    ///
    /// # Errors
    /// When the stream cannot be read, ends inside a frame or does not hold frames.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let need = match front(&self.buffer)? {
                Front::Frame(header, start, end) => {
                    let mut whole = self.buffer.split_to(end);
                    whole.advance(start);
                    // A payload stays where it was read to; without one, nothing has to stay.
                    let payload = if whole.is_empty() { Bytes::new() } else { whole.freeze() };
                    return Ok(Some(Frame { header, payload }));
                }
                Front::Need(need) => need,
            };
            if !self.fill(need).await? {
                return match self.buffer.len() {
                    0 => Ok(None),
                    have => Err(FrameError::Truncated { missing: need.saturating_sub(have) }),
                };
            }
        }
    }

    /// Reads until `need` bytes are there; false when the stream ends before.
    async fn fill(&mut self, need: usize) -> Result<bool, FrameError> {
        while self.buffer.len() < need {
            self.buffer.reserve((need - self.buffer.len()).max(READ_AHEAD));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reads one frame from a file, or `None` at its end. Blocks.
///
/// # Errors
/// As [`FrameReader::next`].
pub(crate) fn read_blocking(file: &mut impl std::io::Read) -> Result<Option<Frame>, FrameError> {
    let length = up_to(file, 4)?;
    if length.is_empty() {
        return Ok(None);
    }
    let length = length.try_into().map_err(|short: Vec<u8>| FrameError::Truncated { missing: 4 - short.len() })?;
    let (header, n) = parse_header(&exactly(file, checked_length(length, &length)?)?)?;
    Ok(Some(Frame { header, payload: exactly(file, n)?.into() }))
}

fn exactly(file: &mut impl std::io::Read, count: usize) -> Result<Vec<u8>, FrameError> {
    let data = up_to(file, count)?;
    if data.len() < count { Err(FrameError::Truncated { missing: count - data.len() }) } else { Ok(data) }
}

fn up_to(file: &mut impl std::io::Read, count: usize) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::with_capacity(count);
    std::io::Read::read_to_end(&mut std::io::Read::take(file, count as u64), &mut data)?;
    Ok(data)
}

/// Writes one frame to a file. Blocks.
///
/// # Errors
/// As [`encode`], and when the file cannot be written.
pub(crate) fn write_blocking(file: &mut impl std::io::Write, frame: &Frame) -> Result<(), FrameError> {
    file.write_all(&head(frame)?)?;
    file.write_all(&frame.payload)?;
    Ok(())
}

/// Writes one frame to a byte stream, without flushing it.
///
/// # Errors
/// As [`encode`], and when the stream cannot be written.
pub async fn write<W: AsyncWrite + Unpin + ?Sized>(stream: &mut W, frame: &Frame) -> Result<(), FrameError> {
    // The payload is not copied behind its header: bundles are large.
    stream.write_all(&head(frame)?).await?;
    stream.write_all(&frame.payload).await?;
    Ok(())
}

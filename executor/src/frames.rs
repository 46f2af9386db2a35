//! Frames: how messages travel to a worker and back, and how bundles lie in a file.
//!
//! A frame is a big-endian `u32` header length, a JSON header, and `header["n"]` bytes of payload, with tags between them where it is
//! sealed (see `seal.rs`). Decoding accepts any bytes: what is not a frame gives an error, what is not yet complete says how much is missing.

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::seal::{Digest, Forged, Seal, TAG, digest};

/// Longest header, bytes. An output travels in its header; any text that is no frame announces more than this.
pub const MAX_HEADER: usize = 256 << 20;

/// Longest payload, bytes.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// How much is read at once when the length of what comes is not known, bytes.
const READ_AHEAD: usize = 64 << 10;

/// One message.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The header without the payload's length; holds at least `"op"`.
    pub header: Map<String, Value>,
    /// The raw bytes that follow.
    payload: Bytes,
    /// The SHA-256 of the payload, where it came with one: whoever passes it on need not go through it again.
    digest: Option<Box<Digest>>,
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header && self.payload == other.payload
    }
}

impl Frame {
    /// A frame with this `op` and nothing else.
    pub fn new(op: &str) -> Self {
        let mut header = Map::new();
        header.insert("op".to_owned(), op.into());
        Self { header, payload: Bytes::new(), digest: None }
    }

    /// The raw bytes behind the header.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The SHA-256 of the payload.
    pub(crate) fn digest(&self) -> Digest {
        self.digest.as_deref().copied().unwrap_or_else(|| digest(&self.payload))
    }

    /// The frame's header alone.
    #[must_use]
    pub(crate) fn bare(&self) -> Self {
        Self { header: self.header.clone(), payload: Bytes::new(), digest: None }
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
        self.digest = None;
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
    /// A tag does not belong to what it stands beside.
    #[error("a frame was changed on its way, or is not from the other end; it begins with {preview:?}")]
    Forged {
        /// Its first bytes as text.
        preview: String,
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
    let mut bytes = head(frame, None)?;
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
    if text > MAX_HEADER / 8 { head(frame, None).map(|_| ()) } else { Ok(()) }
}

/// What stands before a frame's payload.
fn head(frame: &Frame, seal: Option<&mut Seal>) -> Result<Vec<u8>, FrameError> {
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
    let length = length.to_be_bytes();
    Ok(match seal {
        Some(seal) => seal.head(length, &header, &frame.digest()),
        None => [&length[..], &header].concat(),
    })
}

/// Reads the frame at the front of `bytes`.
///
/// # Errors
/// When the bytes cannot be the beginning of a frame, whatever follows.
pub fn decode(bytes: &[u8]) -> Result<Decoded, FrameError> {
    Ok(match front(bytes, None)? {
        Front::Frame(header, _, start, end) => {
            Decoded::Frame(Frame { header, payload: Bytes::copy_from_slice(&bytes[start..end]), digest: None }, end)
        }
        Front::Need(need) => Decoded::Need(need),
    })
}

/// What the front of a byte buffer is: a frame with this header and a payload of this digest from here to there, or not enough.
enum Front {
    Frame(Map<String, Value>, Option<Digest>, usize, usize),
    Need(usize),
}

fn front(bytes: &[u8], seal: Option<&mut Seal>) -> Result<Front, FrameError> {
    let Some((announced, _)) = bytes.split_first_chunk::<4>() else {
        return Ok(Front::Need(4));
    };
    let length = checked_length(*announced, bytes)?;
    let (before, behind) = if seal.is_some() { (4 + TAG, 2 * TAG) } else { (4, 0) };
    if let Some(seal) = &seal {
        // A length is believed only with its tag: else what is wrong would be waited for.
        let Some(tag) = bytes.get(4..before) else { return Ok(Front::Need(before)) };
        seal.check_length(*announced, tag).map_err(|Forged| forged(bytes))?;
    }
    let start = before + length + behind;
    let (Some(header), Some(tags)) = (bytes.get(before..before + length), bytes.get(before + length..start)) else {
        return Ok(Front::Need(start));
    };
    let digest = match &seal {
        Some(seal) => Some(seal.check_header(header, tags).map_err(|Forged| forged(bytes))?),
        None => None,
    };
    let (header, n) = parse_header(header)?;
    let Some(payload) = bytes.get(start..start + n) else {
        return Ok(Front::Need(start + n));
    };
    if let (Some(seal), Some(digest)) = (seal, &digest) {
        seal.check_payload(payload, digest).map_err(|Forged| forged(bytes))?;
    }
    Ok(Front::Frame(header, digest, start, start + n))
}

fn forged(bytes: &[u8]) -> FrameError {
    FrameError::Forged { preview: preview(bytes) }
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
    seal: Option<Seal>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader that has read nothing yet.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new(), seal: None }
    }

    /// A reader of frames that are sealed.
    pub(crate) fn sealed(stream: R, seal: Seal) -> Self {
        Self { seal: Some(seal), ..Self::new(stream) }
    }

    /// The next frame, or `None` when the stream ended between two frames.
    ///
    /// # Errors
    /// When the stream cannot be read, ends inside a frame or does not hold frames.
    pub async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let need = match front(&self.buffer, self.seal.as_mut())? {
                Front::Frame(header, digest, start, end) => {
                    let mut whole = self.buffer.split_to(end);
                    whole.advance(start);
                    // A payload stays where it was read to; without one, nothing has to stay.
                    let payload = if whole.is_empty() { Bytes::new() } else { whole.freeze() };
                    return Ok(Some(Frame { header, payload, digest: digest.map(Box::new) }));
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
pub(crate) fn read_blocking(file: &mut impl std::io::Read, seal: &mut Seal) -> Result<Option<Frame>, FrameError> {
    let begin = up_to(file, 4 + TAG)?;
    if begin.is_empty() {
        return Ok(None);
    }
    let short = || FrameError::Truncated { missing: 4 + TAG - begin.len() };
    let (length, tag) = begin.split_first_chunk::<4>().filter(|(_, tag)| tag.len() == TAG).ok_or_else(short)?;
    seal.check_length(*length, tag).map_err(|Forged| forged(&begin))?;
    let header = exactly(file, checked_length(*length, &begin)?)?;
    let tags = exactly(file, 2 * TAG)?;
    let digest = seal.check_header(&header, &tags).map_err(|Forged| forged(&header))?;
    let (header, n) = parse_header(&header)?;
    let payload = exactly(file, n)?;
    seal.check_payload(&payload, &digest).map_err(|Forged| forged(&payload))?;
    Ok(Some(Frame { header, payload: payload.into(), digest: Some(Box::new(digest)) }))
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
pub(crate) fn write_blocking(file: &mut impl std::io::Write, frame: &Frame, seal: &mut Seal) -> Result<(), FrameError> {
    file.write_all(&head(frame, Some(seal))?)?;
    file.write_all(&frame.payload)?;
    Ok(())
}

/// Writes one frame to a byte stream, without flushing it.
///
/// # Errors
/// As [`encode`], and when the stream cannot be written.
pub async fn write<W: AsyncWrite + Unpin + ?Sized>(stream: &mut W, frame: &Frame) -> Result<(), FrameError> {
    put(stream, frame, None).await
}

/// Writes one sealed frame to a byte stream, without flushing it.
///
/// # Errors
/// As [`write`].
pub(crate) async fn write_sealed<W: AsyncWrite + Unpin + ?Sized>(stream: &mut W, frame: &Frame, seal: &mut Seal) -> Result<(), FrameError> {
    put(stream, frame, Some(seal)).await
}

async fn put<W: AsyncWrite + Unpin + ?Sized>(stream: &mut W, frame: &Frame, seal: Option<&mut Seal>) -> Result<(), FrameError> {
    // The payload is not copied behind its header: bundles are large.
    stream.write_all(&head(frame, seal)?).await?;
    stream.write_all(&frame.payload).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Key;

    fn read(bytes: &[u8], key: &Key) -> Result<Vec<Frame>, FrameError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut reader = FrameReader::sealed(bytes, key.to_worker(&[7; 16]));
            let mut frames = Vec::new();
            while let Some(frame) = reader.next().await? {
                frames.push(frame);
            }
            Ok(frames)
        })
    }

    #[test]
    fn changed_frame_is_refused_wherever_it_was_changed() {
        let key = Key::random().unwrap();
        let frames = [Frame::new("one").with("x", 1).with_payload(&b"payload"[..]), Frame::new("two")];
        let mut seal = key.to_worker(&[7; 16]);
        let mut bytes = Vec::new();
        for frame in &frames {
            write_blocking(&mut bytes, frame, &mut seal).unwrap();
        }
        assert_eq!(read(&bytes, &key).unwrap(), frames);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let error = read(&changed, &key).unwrap_err();
            assert!(matches!(error, FrameError::Forged { .. } | FrameError::HeaderTooLong { .. }), "{at}: {error}");
        }
        assert!(matches!(read(&bytes, &Key::random().unwrap()), Err(FrameError::Forged { .. })));
    }
}

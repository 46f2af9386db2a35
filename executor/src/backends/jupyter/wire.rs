//! Messages of a kernel as they travel over a server's WebSocket: the binary subprotocol where the server knows it, the
//! older mixed one otherwise.

use serde_json::{Value, json};

/// The subprotocol in which nothing is copied into JSON.
pub(super) const SUBPROTOCOL: &str = "v1.kernel.websocket.jupyter.org";

/// How messages are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// [`SUBPROTOCOL`].
    Parts,
    /// JSON as text; with buffers, offsets before it and the buffers behind it.
    Mixed,
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) kind: String,
    /// Id of the request that it belongs to.
    pub(super) parent: String,
    pub(super) content: Value,
    pub(super) buffers: Vec<Vec<u8>>,
}

/// What goes into one frame of the socket.
#[derive(Debug, PartialEq)]
pub(super) enum Packet {
    Text(String),
    Binary(Vec<u8>),
}

/// A request on the shell channel, and its id.
pub(super) fn request(layout: Layout, session: &str, kind: &str, content: &Value, buffers: &[&[u8]]) -> (String, Packet) {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let header = json!({
        "msg_id": id, "username": "nbhoist", "session": session, "msg_type": kind, "version": "5.4", "date": "2000-01-01T00:00:00Z",
    });
    (id, encode(layout, &header, content, buffers))
}

fn encode(layout: Layout, header: &Value, content: &Value, buffers: &[&[u8]]) -> Packet {
    if layout == Layout::Parts {
        let texts = ["shell".to_owned(), header.to_string(), "{}".to_owned(), "{}".to_owned(), content.to_string()];
        let parts: Vec<&[u8]> = texts.iter().map(String::as_bytes).chain(buffers.iter().copied()).collect();
        let first = 8 * (parts.len() as u64 + 2);
        return Packet::Binary(with_offsets(&parts, first, |number| number.to_le_bytes().to_vec()));
    }
    let whole = json!({
        "channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": [],
    });
    let text = whole.to_string();
    if buffers.is_empty() {
        return Packet::Text(text);
    }
    let parts: Vec<&[u8]> = [text.as_bytes()].into_iter().chain(buffers.iter().copied()).collect();
    let mut packed = u32::try_from(parts.len()).unwrap_or_default().to_be_bytes().to_vec();
    let mut at = 4 * (parts.len() as u32 + 1);
    for part in &parts {
        packed.extend(at.to_be_bytes());
        at += part.len() as u32;
    }
    parts.iter().for_each(|part| packed.extend_from_slice(part));
    Packet::Binary(packed)
}

/// A count, the offset of each part and of the end, and the parts.
fn with_offsets(parts: &[&[u8]], first: u64, bytes: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut packed = Vec::with_capacity(first as usize + total);
    packed.extend(bytes(parts.len() as u64 + 1));
    let mut at = first;
    packed.extend(bytes(at));
    for part in parts {
        at += part.len() as u64;
        packed.extend(bytes(at));
    }
    parts.iter().for_each(|part| packed.extend_from_slice(part));
    packed
}

/// The message in a frame; `None` when it is not understood.
pub(super) fn decode(layout: Layout, packet: &Packet) -> Option<Message> {
    match (layout, packet) {
        (Layout::Parts, Packet::Binary(bytes)) => decode_parts(bytes),
        (_, Packet::Text(text)) => message(&serde_json::from_str(text).ok()?, Vec::new()),
        (Layout::Mixed, Packet::Binary(bytes)) => decode_mixed(bytes),
    }
}

fn decode_parts(bytes: &[u8]) -> Option<Message> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let part = |index: usize| bytes.get(number(8 + 8 * index)?..number(16 + 8 * index)?);
    let json = |index: usize| serde_json::from_slice::<Value>(part(index)?).ok();
    let (header, parent) = (json(1)?, json(2)?);
    let buffers = (5..count.checked_sub(1)?).map(|index| part(index).map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    Some(Message {
        channel: String::from_utf8_lossy(part(0)?).into_owned(),
        kind: text(&header, "msg_type"),
        parent: text(&parent, "msg_id"),
        content: json(4)?,
        buffers,
    })
}

fn decode_mixed(bytes: &[u8]) -> Option<Message> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let part = |index: usize| {
        let end = if index + 1 < count { number(8 + 4 * index)? } else { bytes.len() };
        bytes.get(number(4 + 4 * index)?..end)
    };
    let buffers = (1..count).map(|index| part(index).map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    message(&serde_json::from_slice(part(0)?).ok()?, buffers)
}

fn message(whole: &Value, buffers: Vec<Vec<u8>>) -> Option<Message> {
    Some(Message {
        channel: text(whole, "channel"),
        kind: text(whole.get("header")?, "msg_type"),
        parent: text(whole.get("parent_header")?, "msg_id"),
        content: whole.get("content")?.clone(),
        buffers,
    })
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_encoded_is_decoded_in_both_layouts() {
        for layout in [Layout::Parts, Layout::Mixed] {
            for buffers in [&[][..], &[&b"one"[..], b"", b"three"]] {
                let (_, packet) = request(layout, "s", "comm_msg", &json!({"a": [1, "ü"]}), buffers);
                let message = decode(layout, &packet).unwrap();
                assert_eq!((message.kind.as_str(), message.channel.as_str()), ("comm_msg", "shell"));
                assert_eq!(message.content, json!({"a": [1, "ü"]}));
                assert_eq!(message.buffers, buffers.iter().map(|buffer| buffer.to_vec()).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for layout in [Layout::Parts, Layout::Mixed] {
                let _ = decode(layout, &Packet::Binary(bytes.clone()));
            }
        }
    }
}

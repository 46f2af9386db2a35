//! Parts of buffers as pieces, some of which the other side has already.

use std::collections::{HashSet, VecDeque};
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Frames, SendError, Sender, TransferError};
use crate::chunks::{self, Chunk};
use crate::codec::{Codec, Packer};
use crate::frames::Frame;
use crate::worker::Worker;

/// What a piece's name takes on the wire, bytes.
const NAME: u64 = 70;

/// What the other side has.
pub(super) struct Known {
    /// The chunks of each part, in the order of the file.
    parts: VecDeque<Vec<Chunk>>,
    names: HashSet<String>,
    /// What asking took on the wire, bytes.
    pub(super) wire: u64,
}

/// Cuts everything in the file into chunks, and asks which of them are there.
pub(super) async fn ask(path: &Path, worker: &mut Worker) -> Result<Option<Known>, TransferError> {
    let mut frames = Frames::open(path).await?;
    let mut parts = VecDeque::new();
    loop {
        let frame = frames.next().await?;
        if frame.op() != "buffer" {
            break;
        }
        let payload = frame.payload;
        // Hashing takes longer than a task may block.
        let cut = tokio::task::spawn_blocking(move || chunks::cut(&payload)).await;
        parts.push_back(cut.map_err(|error| TransferError::Content { path: path.to_path_buf(), why: error.to_string() })?);
    }
    let all: Vec<&str> = parts.iter().flatten().map(|chunk: &Chunk| chunk.name.as_str()).collect();
    let wire = NAME * all.len() as u64;
    let answer = worker.request(Frame::new("known").with("names", json!(all))).await?;
    let positions = answer.header.get("known").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = positions.iter().filter_map(|position| all.get(usize::try_from(position.as_u64()?).ok()?));
    let names = found.map(|name| (*name).to_owned()).collect();
    Ok(Some(Known { parts, names, wire }))
}

impl Sender<'_> {
    /// Sends one part of a buffer as pieces, packed by themselves.
    pub(super) async fn pieces(&mut self, frame: Frame, known: &mut Known) -> Result<(), SendError> {
        let chunks = known.parts.pop_front().unwrap_or_default();
        let mut missing = Vec::new();
        let mut at = 0;
        for chunk in &chunks {
            let end = at + chunk.length;
            if !known.names.contains(&chunk.name) {
                missing.push(frame.payload.slice(at..end));
            }
            at = end;
        }
        let pieces: Vec<Value> = chunks.iter().map(|chunk| json!([chunk.name, chunk.length, known.names.contains(&chunk.name)])).collect();
        // The same chunk may come again in this bundle, but it is not in the worker's cache before the bundle is.
        let payload = if missing.len() == chunks.len() { frame.payload.clone() } else { Bytes::from(missing.concat()) };
        let (codec, payload) = self.packed(payload).await?;
        let head = Frame { header: frame.header.clone(), payload: Bytes::new() };
        let last = super::is_last(&frame);
        self.wire += NAME * pieces.len() as u64;
        self.part(&head.with("codec", "pieces").with("packed", codec.as_str()).with("pieces", pieces), payload, last).await
    }

    async fn packed(&self, payload: Bytes) -> Result<(Codec, Bytes), SendError> {
        let codec = self.codec.if_worth(&payload);
        if codec == Codec::Raw {
            return Ok((codec, payload));
        }
        let original = payload.clone();
        let work = move || {
            let mut packer = Packer::new(codec)?;
            packer.push(&payload)?;
            packer.finish()
        };
        let packed = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??;
        // What grows is sent as it is.
        Ok(if packed.len() < original.len() { (codec, Bytes::from(packed)) } else { (Codec::Raw, original) })
    }
}

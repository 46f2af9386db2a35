//! Parts of buffers as pieces, some of which the other side has already.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::files::Frames;
use super::{SendError, Sender, Told, TransferError};
use crate::chunks::{self, Chunk};
use crate::codec::{Codec, Packer};
use crate::frames::Frame;
use crate::worker::WorkerError;

/// What a piece's name takes on the wire, bytes.
const NAME: u64 = 70;

/// How many parts of buffers are asked about at once, at most: the next ones are cut and asked about while these are on their way.
const MANY: usize = 8;

/// Parts of fewer bytes together are not asked about by themselves: the answer would take longer than they do.
const WORTH: usize = 64 << 10;

const SHORT: &str = "it ends before the bundle";

/// A part of a buffer and the chunks of it, or the frame that ends the bundle.
type Cut = (Frame, Vec<Chunk>);
type Cuts = mpsc::Receiver<Result<Cut, TransferError>>;

/// Cuts what is in the file into chunks, ahead of what is sent; a part that the other side has `made` stays whole. Hashing takes longer than a
/// task may block.
fn cut(mut frames: Frames, made: &HashSet<String>) -> Cuts {
    let (sender, cut) = mpsc::channel(MANY);
    let made = Arc::new(made.clone());
    let one = async move |frames: &mut Frames| {
        let frame = frames.next().await?;
        let (part, made) = (frame.clone(), Arc::clone(&made));
        let work = move || {
            let whole = (!made.is_empty()).then(|| chunks::whole(&part)).filter(|whole| made.contains(&whole.name));
            whole.map_or_else(|| chunks::cut(part.payload()), |whole| vec![whole])
        };
        let chunks = tokio::task::spawn_blocking(work).await;
        let chunks = chunks.map_err(|error| TransferError::Worker(WorkerError::Protocol(error.to_string())))?;
        Ok((frame, chunks))
    };
    tokio::spawn(async move {
        loop {
            let cut = one(&mut frames).await;
            let over = !matches!(&cut, Ok((frame, _)) if frame.op() == "buffer");
            if sender.send(cut).await.is_err() || over {
                return;
            }
        }
    });
    cut
}

fn names(parts: &[Cut]) -> Vec<&str> {
    parts.iter().flat_map(|(_, chunks)| chunks).map(|chunk| chunk.name.as_str()).collect()
}

impl Sender<'_> {
    /// Sends all buffers of a bundle, without the chunks that the other side has; gives the frame that ends it.
    pub(super) async fn send_pieces(
        &mut self,
        path: &Path,
        frames: Frames,
        made: &HashSet<String>,
        sent: Told<'_>,
    ) -> Result<Frame, TransferError> {
        let mut cut = cut(frames, made);
        let mut read = 0;
        let (mut parts, mut last) = self.batch(path, &mut cut, WORTH).await?;
        let mut question = self.ask(&parts).await?;
        loop {
            // What comes next is asked about before this is sent, so that the link does not wait for the answer.
            let next = if last.is_none() {
                let sent = parts.iter().map(|(frame, _)| frame.payload().len()).sum::<usize>();
                let (parts, last) = self.batch(path, &mut cut, (2 * sent).max(WORTH)).await?;
                let question = self.ask(&parts).await?;
                Some((parts, last, question))
            } else {
                None
            };
            let known = self.known(question, &parts).await?;
            for (frame, chunks) in parts {
                read += frame.payload().len() as u64;
                if let [whole] = &chunks[..]
                    && known.contains(&whole.name)
                    && made.contains(&whole.name)
                {
                    self.made += frame.payload().len() as u64;
                }
                self.ask_between(false).await?;
                self.pieces(frame, &chunks, &known).await.map_err(|error| error.at(path))?;
                sent(read);
            }
            match (next, last) {
                (Some(next), _) => (parts, last, question) = next,
                (None, Some(last)) => return Ok(last),
                (None, None) => return Err(TransferError::Content { path: path.to_path_buf(), why: SHORT.to_owned() }),
            }
        }
    }

    /// The next parts of buffers: `least` bytes and what else is cut already, at most [`MANY`] parts; the frame that ends the bundle when it is
    /// reached. Each batch is twice the one before. So the first ones leave at once, and soon as much is asked about as keeps the link busy until
    /// the answer comes, also where every processor is.
    async fn batch(&mut self, path: &Path, cut: &mut Cuts, least: usize) -> Result<(Vec<Cut>, Option<Frame>), TransferError> {
        let (mut parts, mut bytes) = (Vec::new(), 0);
        while parts.len() < MANY {
            let lost = || TransferError::Content { path: path.to_path_buf(), why: SHORT.to_owned() };
            let came = if bytes < least {
                cut.recv().await
            } else {
                match cut.try_recv() {
                    Ok(came) => Some(came),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => None,
                }
            };
            match came.ok_or_else(lost)?? {
                (frame, chunks) if frame.op() == "buffer" => {
                    self.look(&frame)?;
                    bytes += frame.payload().len();
                    parts.push((frame, chunks));
                }
                (frame, _) => return Ok((parts, Some(frame))),
            }
        }
        Ok((parts, None))
    }

    /// Asks which of these chunks are there; gives the number of the request.
    async fn ask(&mut self, parts: &[Cut]) -> Result<Option<u64>, TransferError> {
        let all = names(parts);
        if all.is_empty() {
            return Ok(None);
        }
        self.wire += NAME * all.len() as u64;
        Ok(Some(self.worker.ask(Frame::new("known").with("names", json!(all))).await?))
    }

    /// The names of those chunks that are there.
    async fn known(&mut self, question: Option<u64>, parts: &[Cut]) -> Result<HashSet<String>, TransferError> {
        let Some(question) = question else { return Ok(HashSet::new()) };
        let (answer, all) = (self.worker.answer(question).await?, names(parts));
        let positions = answer.header.get("known").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let found = positions.iter().filter_map(|position| all.get(usize::try_from(position.as_u64()?).ok()?));
        Ok(found.map(|name| (*name).to_owned()).collect())
    }

    /// Sends one part of a buffer as pieces, packed by themselves.
    async fn pieces(&mut self, frame: Frame, chunks: &[Chunk], known: &HashSet<String>) -> Result<(), SendError> {
        let mut missing = Vec::new();
        let mut at = 0;
        for chunk in chunks {
            let end = at + chunk.length;
            if !known.contains(&chunk.name) {
                missing.push(frame.payload().slice(at..end));
            }
            at = end;
        }
        let pieces: Vec<Value> = chunks.iter().map(|chunk| json!([chunk.name, chunk.length, known.contains(&chunk.name)])).collect();
        // The same chunk may come again in this bundle, but it is not in the worker's cache before the bundle is.
        let frame = if missing.len() == chunks.len() { frame } else { frame.with_payload(missing.concat()) };
        let last = super::is_last(&frame);
        self.wire += NAME * pieces.len() as u64;
        let (codec, frame) = self.packed(frame).await?;
        self.part(frame.with("codec", "pieces").with("packed", codec.as_str()).with("pieces", pieces), last).await
    }

    async fn packed(&self, frame: Frame) -> Result<(Codec, Frame), SendError> {
        let codec = self.codec.if_worth(frame.payload());
        if codec == Codec::Raw {
            return Ok((codec, frame));
        }
        let payload = frame.payload().clone();
        let work = move || {
            let mut packer = Packer::new(codec)?;
            packer.push(&payload)?;
            packer.finish()
        };
        let packed = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??;
        // What grows is sent as it is.
        Ok(if packed.len() < frame.payload().len() { (codec, frame.with_payload(packed)) } else { (Codec::Raw, frame) })
    }
}

//! Messages as they come: each is the JSON text behind a header that says how long it is.

use std::io::{ErrorKind, Read, Result};
use std::ops::Range;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// A buffer that a large message has left is given back above this size.
const LARGE: usize = 1024 * 1024;
const END: &[u8] = b"\r\n\r\n";
const LENGTH: &str = "content-length";

/// Takes messages out of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    input: R,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    taken: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'f> {
    /// The text of a message.
    Text(&'f [u8]),
    /// A header that does not say how long its message is.
    Broken,
}

impl<R: Read> Frames<R> {
    /// Messages of a stream.
    pub(crate) const fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), taken: 0 }
    }

    /// The next message; nothing at the end of the stream. It waits as long as that takes.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        self.forget_taken();
        let mut searched = 0;
        let header = loop {
            if let Some(at) = find(&self.buffer[searched..]) {
                break searched + at;
            }
            // The end may come in two parts.
            searched = self.buffer.len().saturating_sub(END.len() - 1);
            if !self.more(CHUNK)? {
                return Ok(None);
            }
        };
        let start = header + END.len();
        let Some(length) = length(&self.buffer[..header]) else {
            self.taken = start;
            return Ok(Some(Frame::Broken));
        };
        let end = start.saturating_add(length);
        while self.buffer.len() < end {
            if !self.more((end - self.buffer.len()).clamp(CHUNK, LARGE))? {
                return Ok(None);
            }
        }
        self.taken = end;
        Ok(Some(Frame::Text(&self.buffer[Range { start, end }])))
    }

    fn forget_taken(&mut self) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        if self.buffer.capacity() > LARGE {
            self.buffer.shrink_to(CHUNK);
        }
    }

    /// Reads what is there, up to this many bytes; false at the end.
    fn more(&mut self, room: usize) -> Result<bool> {
        let known = self.buffer.len();
        self.buffer.resize(known + room, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[known..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(known + *read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }
}

fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END)
}

/// What the header says of the length. Lines that nobody knows are passed over.
fn length(header: &[u8]) -> Option<usize> {
    let header = String::from_utf8_lossy(header);
    let mut fields = header.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.trim().eq_ignore_ascii_case(LENGTH)).and_then(|(_, value)| value.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives one byte at a time.
    struct Slow<'s>(&'s [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, room: &mut [u8]) -> Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            (room[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    fn all(stream: impl Read) -> Vec<Option<String>> {
        let mut frames = Frames::new(stream);
        let mut found = Vec::new();
        while let Some(frame) = frames.next().unwrap() {
            found.push(match frame {
                Frame::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                Frame::Broken => None,
            });
        }
        found
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let stream = b"Content-Length: 2\r\n\r\n{}content-length: 3\r\nContent-Type: a; charset=utf-8\r\n\r\n[1]Content-Length: 0\r\n\r\n";
        let expected = ["{}", "[1]", ""].map(|text| Some(text.to_owned()));
        assert_eq!((all(&stream[..]), all(Slow(stream))), (expected.to_vec(), expected.to_vec()));
    }

    #[test]
    fn what_has_no_length_is_told_and_passed_over() {
        let stream = b"nonsense\r\n\r\nContent-Length: many\r\n\r\nx\r\nContent-Length: 2\r\n\r\n{}Content-Length: 9\r\n\r\n{";
        assert_eq!(all(&stream[..]), [None, None, Some("{}".to_owned())]);
    }
}

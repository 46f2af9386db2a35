//! Positions of many ranges of one notebook: the lines of a cell are counted once, not once for each finding.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use nbhoist_analyzer::text_index::TextIndex;

use crate::document::{Source, Uri};
use crate::encoding::{self, Encoding, Position, Span};

/// The positions in a notebook or script.
pub(crate) struct Spans<'s> {
    source: &'s Source,
    encoding: Encoding,
    /// By document: that of the cell, or the script.
    indices: RefCell<HashMap<&'s str, TextIndex<'s>>>,
}

impl<'s> Spans<'s> {
    /// Nothing is counted before it is asked for.
    pub(crate) fn new(source: &'s Source, encoding: Encoding) -> Self {
        Self { source, encoding, indices: RefCell::default() }
    }

    /// What `Source::span` gives.
    pub(crate) fn span(&self, number: u32, start: u32, end: u32) -> Option<(Uri, Span)> {
        let (_, place) = self.source.cell(number)?;
        let start = self.source.offset_in_document(number, start)?;
        let end = self.source.offset_in_document(number, end)?.max(start);
        let mut indices = self.indices.borrow_mut();
        let index = indices.entry(&place.uri).or_insert_with(|| encoding::index(&place.text, self.encoding));
        let position = |offset: usize| {
            let (line, column) = index.position(offset);
            Position { line: line as u32, column: column as u32 }
        };
        Some((Arc::clone(&place.uri), Span { start: position(start), end: position(end) }))
    }
}

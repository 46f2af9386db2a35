//! Cells named on the command line: `8-10`, `3,5-7`, `id:a1b2c3`.

use nbhoist_analyzer::notebook::{CellKind, Notebook, marked_blocks};
pub(crate) use nbhoist_analyzer::words::{named, ranges};

use crate::args::BlockArgs;
use crate::error::Failure;

/// The code cells of the block that was asked for, ascending; nothing when none was.
pub(crate) fn block(args: &BlockArgs, notebook: &Notebook) -> Result<Option<Vec<u32>>, Failure> {
    match (&args.cells, &args.block) {
        (Some(cells), _) => select(cells, notebook).map(Some),
        (None, Some(name)) => marked(name, notebook).map(Some),
        (None, None) => Ok(None),
    }
}

fn marked(name: &str, notebook: &Notebook) -> Result<Vec<u32>, Failure> {
    let blocks = marked_blocks(notebook);
    if let Some((_, cells)) = blocks.iter().find(|(known, _)| known == name) {
        return Ok(cells.clone());
    }
    let known: Vec<_> = blocks.iter().map(|(known, _)| format!("`{known}`")).collect();
    let help = if known.is_empty() {
        format!("mark one with the tag `nbhoist:{name}`, or with a first line `# nbhoist: block {name}`")
    } else {
        format!("marked blocks are {}", known.join(", "))
    };
    Err(Failure::new(format!("the notebook has no marked block `{name}`")).help(help))
}

/// The code cells that a list of cells and ranges names, ascending.
pub(crate) fn select(text: &str, notebook: &Notebook) -> Result<Vec<u32>, Failure> {
    let mut numbers = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (first, last) = range(item, notebook)?;
        if first > last {
            return Err(Failure::new(format!("the range `{item}` runs backwards")).help(format!("write `{last}-{first}`")));
        }
        numbers.extend(first..=last);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let is_code = |number: &u32| notebook.cell(*number).is_some_and(|cell| cell.kind == CellKind::Code);
    let code: Vec<u32> = numbers.into_iter().filter(is_code).collect();
    if code.is_empty() {
        return Err(Failure::new(format!("`{text}` names no code cell")).help(code_cells(notebook)));
    }
    Ok(code)
}

/// The first and the last cell of an item. Ids may hold dashes themselves, so every dash is tried.
fn range(item: &str, notebook: &Notebook) -> Result<(u32, u32), Failure> {
    let whole = number(item, notebook);
    if let Ok(number) = whole {
        return Ok((number, number));
    }
    for (dash, _) in item.match_indices('-') {
        let (first, last) = (&item[..dash], &item[dash + 1..]);
        if let (Ok(first), Ok(last)) = (number(first, notebook), number(last, notebook)) {
            return Ok((first, last));
        }
    }
    // The message about the part that is wrong says more than one about the whole.
    let part = item.split('-').find_map(|part| number(part, notebook).err());
    let plain_range = !item.contains("id:");
    Err(if plain_range { part } else { None }.unwrap_or_else(|| whole.err().unwrap_or_else(|| unreadable(item))))
}

fn number(text: &str, notebook: &Notebook) -> Result<u32, Failure> {
    let text = text.trim();
    if let Some(id) = text.strip_prefix("id:") {
        let found = notebook.cells.iter().find(|cell| cell.id.as_deref() == Some(id));
        return found.map(|cell| cell.number).ok_or_else(|| Failure::new(format!("the notebook has no cell with the id `{id}`")));
    }
    let number: u32 = text.parse().map_err(|_| unreadable(text))?;
    if notebook.cell(number).is_none() {
        let failure = Failure::new(format!("the notebook has no cell {number}"));
        return Err(failure.help(format!("cells are numbered from 1 to {}, markdown included", notebook.cells.len())));
    }
    Ok(number)
}

fn unreadable(text: &str) -> Failure {
    Failure::new(format!("`{text}` is neither a cell nor a range of cells")).help("write for example `8-10`, `3,5-7` or `id:a1b2c3`")
}

fn code_cells(notebook: &Notebook) -> String {
    let numbers: Vec<u32> = notebook.code_cells().map(|cell| cell.number).collect();
    if numbers.is_empty() { "the notebook has no code cells".to_owned() } else { format!("code cells are {}", ranges(&numbers)) }
}

#[cfg(test)]
mod tests {
    use nbhoist_analyzer::notebook::{Cell, Format};

    use super::*;

    fn notebook() -> Notebook {
        let mut cells: Vec<Cell> = (1..=6).map(|number| Cell::code(number, "pass")).collect();
        cells[0].kind = CellKind::Markdown;
        cells[3].kind = CellKind::Markdown;
        cells[1].id = Some("a-b".to_owned());
        cells[4].id = Some("5-6".to_owned());
        cells[5].tags = vec!["nbhoist:fit".to_owned()];
        Notebook::of(cells, Format::Percent)
    }

    fn selected(text: &str) -> Result<Vec<u32>, String> {
        select(text, &notebook()).map_err(|failure| failure.json()["message"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn numbers_ranges_lists_and_ids() {
        assert_eq!(selected("2"), Ok(vec![2]));
        assert_eq!(selected("1-4"), Ok(vec![2, 3]));
        assert_eq!(selected(" 6 , 2-3,3 "), Ok(vec![2, 3, 6]));
        assert_eq!(selected("id:a-b"), Ok(vec![2]));
        assert_eq!(selected("id:a-b-id:5-6"), Ok(vec![2, 3, 5]));
        assert_eq!(selected("id:a-b-3"), Ok(vec![2, 3]));
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| selected(text).unwrap_err();
        assert_eq!(refused("7"), "the notebook has no cell 7");
        assert_eq!(refused("3-9"), "the notebook has no cell 9");
        assert_eq!(refused("0"), "the notebook has no cell 0");
        assert_eq!(refused("5-3"), "the range `5-3` runs backwards");
        assert_eq!(refused("x"), "`x` is neither a cell nor a range of cells");
        assert_eq!(refused("4"), "`4` names no code cell");
        assert_eq!(refused(""), "`` names no code cell");
        assert_eq!(refused("id:zz"), "the notebook has no cell with the id `zz`");
    }

    #[test]
    fn marked_blocks_go_by_name() {
        let block = |name: &str| block(&BlockArgs { cells: None, block: Some(name.to_owned()) }, &notebook());
        assert_eq!(block("fit").unwrap(), Some(vec![6]));
        assert!(block("other").is_err());
    }
}

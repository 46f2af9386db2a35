use super::*;

const SMALL: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "a1",
   "metadata": {},
   "source": [
    "# Title\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 4,
   "id": "b2",
   "metadata": {"tags": ["nbhoist:train", 7]},
   "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
   "source": "x = 1\nprint(x)"
  }
 ],
 "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
  "widgets": {"deep": [1, 2, {"a": null}]}},
 "nbformat": 4,
 "nbformat_minor": 5
}
"##;

fn read_text(text: &str) -> Notebook {
    read(text.as_bytes()).unwrap()
}

/// A notebook of format 4.4 with these cells.
fn notebook(cells: &str) -> Notebook {
    read_text(&format!(r#"{{"cells": [{cells}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 4}}"#))
}

#[test]
fn reads_cells_sources_and_places() {
    let notebook = read_text(SMALL);
    assert_eq!(notebook.format, Format::Ipynb { major: 4, minor: 5 });
    assert_eq!((notebook.language.as_str(), notebook.kernel.as_deref()), ("python", Some("python3")));
    assert!(notebook.repairs.is_empty(), "{:?}", notebook.repairs);
    let [title, code] = notebook.cells.as_slice() else { panic!("two cells") };
    assert_eq!((title.kind, title.source.as_str()), (CellKind::Markdown, "# Title\ntext"));
    assert_eq!((title.file_line_of(0), title.file_line_of(1)), (8, 9));
    assert_eq!((code.number, code.id.as_deref(), code.execution_count), (2, Some("b2"), Some(4)));
    assert_eq!((code.source.as_str(), code.tags.as_slice()), ("x = 1\nprint(x)", ["nbhoist:train".to_owned()].as_slice()));
    assert_eq!((code.file_line_of(0), code.file_line_of(1)), (18, 18));
    assert_eq!(code.block_name(), Some("train"));
}

#[test]
fn list_parts_need_not_be_lines() {
    let notebook = notebook("{\"cell_type\": \"code\", \"source\": [\n\"a = 1\\nb\",\n\" = 2\\n\",\n\"\",\n\"c = 3\"]}");
    let cell = &notebook.cells[0];
    assert_eq!(cell.source, "a = 1\nb = 2\nc = 3");
    assert_eq!([0, 1, 2].map(|line| cell.file_line_of(line)), [2, 2, 5]);
}

#[test]
fn what_is_missing_is_repaired_and_said() {
    let cells = r#"{"outputs": []}, {"cell_type": "video", "source": ["v"]}, 17, {"cell_type": "code", "source": {"a": 1},
        "execution_count": "x", "metadata": [1]}, {"cell_type": "code", "source": null, "id": 5}"#;
    let notebook = notebook(cells);
    let kinds: Vec<_> = notebook.cells.iter().map(|cell| cell.kind.as_str()).collect();
    assert_eq!(kinds, ["code", "raw", "raw", "code", "code"]);
    assert_eq!(
        notebook.repairs,
        [
            "cell 1 has no type; it counts as code",
            "cell 1 has no source; it counts as empty",
            "cell 2 has the unknown type \"video\"; it counts as raw text",
            "cell 3 is not a JSON object; it counts as an empty raw cell",
            "the source of cell 4 is neither a string nor a list of strings",
        ]
    );
}

#[test]
fn ids_are_checked_where_the_format_has_them() {
    let text = r#"{"cells": [{"cell_type": "raw", "source": "", "id": "a"}, {"cell_type": "raw", "source": "", "id": "a"},
        {"cell_type": "raw", "source": ""}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#;
    assert_eq!(read_text(text).repairs, ["cells 1 and 2 have the same id \"a\"", "1 of 3 cells have no id, which nbformat 4.5 requires"]);
}

#[test]
fn format_3_is_upgraded() {
    let text = r#"{"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [
        {"cells": [{"cell_type": "heading", "level": 2, "source": ["Part"]},
                   {"cell_type": "code", "input": ["x = 1"], "language": "python", "prompt_number": 3, "outputs": []}]},
        {"cells": [{"cell_type": "code", "input": "y = 2", "language": "python", "outputs": []}]}, {}]}"#;
    let notebook = read_text(text);
    let sources: Vec<_> = notebook.cells.iter().map(|cell| cell.source.as_str()).collect();
    assert_eq!(sources, ["## Part", "x = 1", "y = 2"]);
    assert_eq!((notebook.cells[1].execution_count, notebook.language.as_str()), (Some(3), "python"));
    assert_eq!(notebook.repairs, ["upgraded from format 3, its 3 worksheets joined"]);
}

#[test]
fn other_languages_are_named() {
    let metadata = |text: &str| read_text(&format!(r#"{{"cells": [], "metadata": {text}, "nbformat": 4}}"#)).language;
    assert_eq!(metadata(r#"{"language_info": {"name": "R"}}"#), "r");
    assert_eq!(metadata(r#"{"kernelspec": {"language": "Julia", "name": "julia-1.9"}}"#), "julia");
    assert_eq!(metadata(r#"{"kernelspec": {"name": "ir"}}"#), "r");
    assert_eq!(metadata(r#"{"kernelspec": 3}"#), "python");
    assert_eq!(metadata("[]"), "python");
}

#[test]
fn refusals_say_what_and_where() {
    let refused = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(refused(b""), "the file is empty");
    assert_eq!(refused(b" \n"), "the file is empty");
    assert_eq!(refused(b"\xef\xbb\xbf"), "the file is empty");
    assert_eq!(refused(b"\xff\xfe{\0"), "the file is encoded as UTF-16, notebooks are UTF-8");
    assert_eq!(refused(b"{\0}\0"), "the file is encoded as UTF-16, notebooks are UTF-8");
    assert_eq!(refused(b"{\"a\":\n \"caf\xe9\"}"), "the file is not UTF-8: byte 0xe9 at line 2, column 6");
    assert_eq!(refused(b"{\"cells\":\n [\0\0\0"), "the file holds NUL bytes, the first at line 2, column 3");
    assert_eq!(refused(b"{\"cells\": [\n <<<<<<<"), "the file is not valid JSON: expected value at line 2, column 2");
    assert_eq!(refused(b"{\"cells\": ["), "the file is not valid JSON: EOF while parsing a list at line 1, column 11");
    for (text, found) in [
        ("[1, {\"a\": 2}]", "a list"),
        ("\"x\"", "a string"),
        ("12", "a number"),
        ("null", "null"),
        ("true", "a truth value"),
        ("{\"a\": 1}", "an object without `cells` and `nbformat`"),
        ("{\"nbformat\": 4}", "an object without `cells`"),
        ("{\"cells\": 3, \"nbformat\": 4}", "an object whose `cells` is not a list"),
        ("{\"cells\": {\"a\": 1}}", "an object whose `cells` is not a list"),
        ("{\"worksheets\": 1, \"nbformat\": 3}", "an object whose `worksheets` hold no cells"),
    ] {
        assert_eq!(refused(text.as_bytes()), format!("the file is JSON but not a Jupyter notebook: it is {found}"));
    }
    assert!(refused(b"{\"nbformat\": 2, \"worksheets\": []}").contains("format 2"));
    assert!(refused(b"{\"nbformat\": 5, \"cells\": []}").contains("format 5"));
}

#[test]
fn depth_is_bounded_outside_and_skipped_inside_outputs() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cell = format!(r#"{{"cell_type": "code", "source": "", "outputs": {deep}, "metadata": {deep}}}"#);
    assert_eq!(notebook(&cell).cells.len(), 1);
    assert!(read(deep.as_bytes()).is_ok_or_refused());
}

trait Outcome {
    fn is_ok_or_refused(&self) -> bool;
}

impl Outcome for Result<Notebook, ReadError> {
    /// A deep list is no notebook, whichever way it is refused.
    fn is_ok_or_refused(&self) -> bool {
        matches!(self, Err(ReadError::NotANotebook { .. } | ReadError::NotJson { .. }))
    }
}

#[test]
fn byte_order_mark_is_skipped_and_said() {
    let notebook = read_text(&format!("\u{feff}{SMALL}"));
    assert_eq!(notebook.repairs, ["skipped the byte order mark at the start of the file"]);
    assert_eq!(notebook.cells[0].file_line, 8);
}

#[test]
fn line_ends_become_newlines() {
    assert_eq!(notebook(r#"{"cell_type": "code", "source": "a\r\nb"}"#).cells[0].source, "a\nb");
}

fn edited(text: &str, edits: &[CellEdit]) -> String {
    String::from_utf8(edit(text.as_bytes(), edits).unwrap()).unwrap()
}

#[test]
fn without_edits_nothing_changes() {
    let odd = "\u{feff}{ \"cells\":[ ] ,\r\n\t\"nbformat\" : 4 }  ";
    for text in [SMALL, odd] {
        assert_eq!(edited(text, &[]), text);
    }
    let empty = CellEdit { number: 2, placement: Some(None), ..CellEdit::default() };
    assert_eq!(edited(SMALL, &[empty]), SMALL);
}

#[test]
fn only_outputs_and_counts_change() {
    let outputs = r#"[{"name":"stdout","output_type":"stream","text":["é\n","2"]},{"data":{},"list":[]}]"#;
    let change = CellEdit { number: 2, outputs: Some(outputs.to_owned()), execution_count: Some(None), ..CellEdit::default() };
    let expected = SMALL.replace("\"execution_count\": 4", "\"execution_count\": null").replace(
        r#"[{"output_type": "stream", "name": "stdout", "text": ["1\n"]}]"#,
        r#"[
    {
     "name": "stdout",
     "output_type": "stream",
     "text": [
      "é\n",
      "2"
     ]
    },
    {
     "data": {},
     "list": []
    }
   ]"#,
    );
    assert_eq!(edited(SMALL, &[change]), expected);
}

#[test]
fn missing_keys_are_inserted_in_the_files_own_style() {
    let change =
        [CellEdit { number: 1, outputs: Some("[{\"a\": [1, 2]}]".to_owned()), execution_count: Some(Some(7)), ..CellEdit::default() }];
    let compact = r#"{"cells":[{"cell_type":"code","metadata":{},"source":"x"}],"nbformat":4}"#;
    assert_eq!(
        edited(compact, &change),
        r#"{"cells":[{"cell_type":"code","execution_count":7,"metadata":{},"outputs":[{"a":[1,2]}],"source":"x"}],"nbformat":4}"#
    );
    let indented = "{\r\n\t\"cells\": [\r\n\t\t{\r\n\t\t\t\"cell_type\": \"code\"\r\n\t\t}\r\n\t]\r\n}";
    assert_eq!(
        edited(indented, &change),
        "{\r\n\t\"cells\": [\r\n\t\t{\r\n\t\t\t\"cell_type\": \"code\",\r\n\t\t\t\"execution_count\": 7,\r\n\t\t\t\"outputs\": \
         [\r\n\t\t\t\t{\r\n\t\t\t\t\t\"a\": [\r\n\t\t\t\t\t\t1,\r\n\t\t\t\t\t\t2\r\n\t\t\t\t\t]\r\n\t\t\t\t}\r\n\t\t\t]\r\n\t\t}\r\n\t]\r\n}"
    );
}

#[test]
fn wrong_edits_are_refused() {
    let refused = |number, outputs: Option<&str>| {
        let change = CellEdit { number, outputs: outputs.map(str::to_owned), execution_count: None, ..CellEdit::default() };
        edit(SMALL.as_bytes(), &[change]).unwrap_err().to_string()
    };
    assert_eq!(refused(1, None), "cell 1 is not a code cell");
    assert_eq!(refused(0, None), "the notebook has no cell 0");
    assert_eq!(refused(3, None), "the notebook has no cell 3");
    assert!(refused(2, Some("{}")).starts_with("the new outputs of cell 2 are not a JSON list"));
}

#[test]
fn numbers_of_python_are_read_and_left_alone() {
    let text = r#"{"cells": [{"cell_type": "code", "outputs": [{"data": {"a": [NaN, -Infinity, Infinity]}}], "metadata": {},
        "source": "x = \"NaN\"\nNaN"}], "metadata": {"a": "say \\\"NaN"}, "nbformat": 4, "nbformat_minor": 4}"#;
    let notebook = read_text(text);
    assert_eq!(notebook.cells[0].source, "x = \"NaN\"\nNaN");
    assert_eq!(notebook.repairs, ["the file holds `NaN` or `Infinity`, which JSON does not have"]);
    let change = CellEdit { number: 1, outputs: None, execution_count: Some(Some(2)), ..CellEdit::default() };
    let expected = text.replace("\"cell_type\": \"code\",", "\"cell_type\": \"code\", \"execution_count\": 2,");
    assert_eq!(edited(text, &[change]), expected);
    assert!(read(b"{\"cells\": [NaN,").is_err());
}

/// Damaged files are read or refused; whatever is read has its places inside the file and can be written back.
#[test]
fn damage_never_panics() {
    let lines = u32::try_from(SMALL.lines().count()).unwrap();
    let change = CellEdit { number: 2, outputs: Some("[]".to_owned()), execution_count: Some(None), ..CellEdit::default() };
    for index in 0..SMALL.len() {
        for damage in [&b""[..], b"\"", b"[", b"}", b"\\", b"\xff", b"0", b"null"] {
            let mut bytes = SMALL.as_bytes().to_vec();
            bytes.splice(index..=index, damage.iter().copied());
            let Ok(notebook) = read(&bytes) else { continue };
            for cell in &notebook.cells {
                let last = u32::try_from(cell.source.lines().count()).unwrap();
                assert!(cell.file_line_of(last) <= lines + 1);
            }
            assert_eq!(edit(&bytes, &[]).unwrap(), bytes);
            if let Ok(written) = edit(&bytes, std::slice::from_ref(&change)) {
                assert!(read(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
            }
        }
        assert!(index + 1 >= SMALL.len() || read(&SMALL.as_bytes()[..index]).is_err());
    }
}

/// The file after edits of the source of its first cell.
fn with_source_edits(text: &str, edits: &[(std::ops::Range<u32>, &str)]) -> Result<String, EditError> {
    let source = edits.iter().map(|(range, new)| (range.clone(), (*new).to_owned())).collect();
    let edits = [CellEdit { number: 1, source, ..CellEdit::default() }];
    edit(text.as_bytes(), &edits).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// A file whose only cell has these strings, laid out as Jupyter does.
fn with_strings(strings: &[&str]) -> String {
    let strings: Vec<String> = strings.iter().map(|string| format!("    {string}")).collect();
    let list = if strings.is_empty() { "[]".to_owned() } else { format!("[\n{}\n   ]", strings.join(",\n")) };
    format!(
        "{{\n \"cells\": [\n  {{\n   \"cell_type\": \"code\",\n   \"source\": {list}\n  }}\n ],\n \"metadata\": {{}},\n \"nbformat\": 4\n}}\n"
    )
}

#[test]
fn only_the_strings_of_edited_lines_change() {
    let before = with_strings(&[r#""a\n""#, r#""b \u00e9\n""#, r#""c""#]);
    for (edits, after) in [
        (vec![(2..3, "B")], vec![r#""a\n""#, r#""B \u00e9\n""#, r#""c""#]),
        (vec![(2..7, "")], vec![r#""a\n""#, r#""c""#]),
        (vec![(0..2, "")], vec![r#""b \u00e9\n""#, r#""c""#]),
        (vec![(7..8, "")], vec![r#""a\n""#, r#""b \u00e9\n""#]),
        (vec![(6..8, "")], vec![r#""a\n""#, r#""b \u00e9""#]),
        (vec![(0..8, "")], vec![]),
        (vec![(0..0, "x\ny\n")], vec![r#""x\n""#, r#""y\n""#, r#""a\n""#, r#""b \u00e9\n""#, r#""c""#]),
        (vec![(8..8, "  # \"q\"")], vec![r#""a\n""#, r#""b \u00e9\n""#, r#""c  # \"q\"""#]),
        (vec![(8..8, "\nd")], vec![r#""a\n""#, r#""b \u00e9\n""#, r#""c\n""#, r#""d""#]),
        (vec![(1..2, "")], vec![r#""ab \u00e9\n""#, r#""c""#]),
        (vec![(0..1, "A"), (3..3, "!"), (7..8, "C")], vec![r#""A\n""#, r#""b! \u00e9\n""#, r#""C""#]),
        (vec![(0..2, ""), (2..7, "")], vec![r#""c""#]),
        (vec![(2..7, ""), (7..8, "")], vec![r#""a\n""#]),
        (vec![(0..0, "p\n"), (0..1, "q")], vec![r#""p\n""#, r#""q\n""#, r#""b \u00e9\n""#, r#""c""#]),
    ] {
        let edited = with_source_edits(&before, &edits).unwrap();
        assert_eq!(edited, with_strings(&after), "{edits:?}");
    }
    assert_eq!(with_source_edits(&with_strings(&[]), &[(0..0, "x\ny")]).unwrap(), with_strings(&[r#""x\n""#, r#""y""#]));
    for wrong in [(7..9, ""), (5..5, "x")] {
        assert_eq!(with_source_edits(&before, std::slice::from_ref(&wrong)), Err(EditError::Source { number: 1 }), "{wrong:?}");
    }
}

#[test]
fn a_source_in_one_string_stays_one() {
    let file = |source: &str| format!(r#"{{"cells": [{{"cell_type": "code", "source": {source}}}], "metadata": {{}}, "nbformat": 4}}"#);
    assert_eq!(with_source_edits(&file(r#""a\t\ud83d\ude00b\nc""#), &[(6..7, "é\"\n")]).unwrap(), file(r#""a\t\ud83d\ude00é\"\n\nc""#));
    assert_eq!(with_source_edits(&file(r#""a\r\nb""#), &[(2..3, "x\ny")]).unwrap(), file(r#""a\r\nx\r\ny""#));
    assert_eq!(with_source_edits(&file(r#"["a\r\n", "b"]"#), &[(2..2, "x\n")]).unwrap(), file(r#"["a\r\n", "x\r\n", "b"]"#));
    assert_eq!(with_source_edits(&file("null"), &[(0..0, "x")]).unwrap(), file("\"x\""));
    assert!(with_source_edits(&file("{}"), &[(0..0, "x")]).is_err());
}

#[test]
fn ids_are_replaced_or_put_where_jupyter_has_them() {
    let with = |number: u32| {
        let edits = [CellEdit { number, id: Some("n-1".to_owned()), ..CellEdit::default() }];
        String::from_utf8(edit(SMALL.as_bytes(), &edits).unwrap()).unwrap()
    };
    assert_eq!(with(2), SMALL.replace("\"b2\"", "\"n-1\""));
    let without = SMALL.replace("   \"id\": \"b2\",\n", "");
    let edits = [CellEdit { number: 2, id: Some("b2".to_owned()), ..CellEdit::default() }];
    assert_eq!(String::from_utf8(edit(without.as_bytes(), &edits).unwrap()).unwrap(), SMALL);
}

/// Whatever is replaced wherever, the file reads as the source with the replacement.
#[test]
fn any_edit_of_a_source_reads_back() {
    let sources =
        [r#"["a\n", "b\u00e9\r\n", "", "c\nd", "\n"]"#, r#""a\nb\u00e9\r\nc\ud83d\ude00\n""#, r#"["x"]"#, "[]", r#"["a\n","b\n"]"#];
    for source in sources {
        let text = format!(r#"{{"cells": [{{"cell_type": "code", "source": {source}}}], "metadata": {{}}, "nbformat": 4}}"#);
        let whole = read_text(&text).cells[0].source.clone();
        for start in (0..=whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            for end in (start..=whole.len()).filter(|at| whole.is_char_boundary(*at)) {
                for new in ["", "x", "x\n", "\n", "é\ny"] {
                    let wanted = format!("{}{new}{}", &whole[..start], &whole[end..]);
                    let range = u32::try_from(start).unwrap()..u32::try_from(end).unwrap();
                    let edited = with_source_edits(&text, &[(range, new)]).unwrap();
                    assert_eq!(read_text(&edited).cells[0].source, wanted, "{source} {start}..{end} {new:?} {edited}");
                }
            }
        }
    }
}

/// Base64 tells nothing, whatever it spells; what stands beside a picture counts.
#[test]
fn pictures_give_nothing_away() {
    let home = |data: &str, key: &str| {
        let output = format!(r#"{{"output_type": "display_data", "{key}": {data}}}"#);
        let odd = format!(r#"{{"\u0069d": "a", "cell_type": "code", "source": [], "outputs": [{output}]}}"#);
        let plain = odd.replace("\\u0069d", "id");
        let [one, other] = [plain, odd].map(|cell| notebook(&cell).cells[0].outputs.iter().find_map(|output| output.home.clone()));
        assert_eq!(one, other, "the other reader says the same");
        one
    };
    assert_eq!(home(r#"{"image/png": "x+/home/ada/"}"#, "data"), None);
    assert_eq!(home(r#"{"image/png": ["x+/home/ada/"], "text/plain": "/home/eve/"}"#, "data").as_deref(), Some("/home/eve"));
    assert_eq!(home(r#"{"text/plain": " /home/eve/", "image/png": 1}"#, "data").as_deref(), Some("/home/eve"));
    assert_eq!(home(r#"{"image/svg+xml": "x+/home/ada/"}"#, "data").as_deref(), Some("/home/ada"));
    assert_eq!(home(r#"{"image/png": "x+/home/ada/"}"#, "other").as_deref(), Some("/home/ada"));
    assert_eq!(home(r#"["image/png", "x+/home/ada/"]"#, "data").as_deref(), Some("/home/ada"));
}

/// What is read on the way is what is read from the values of the other parser, for which a key with an escape is enough.
#[test]
fn both_readers_say_the_same() {
    let other = |text: &str| text.replacen('{', r#"{"\u0061":0,"#, 1);
    let cells = [
        r#"{"cell_type": "code", "source": ["a\n", "b\nc", "", "d\n",
            "e\r\n", "\u0066\n\n"], "outputs": [{"output_type": "error", "ename": "E\u0045", "evalue": "\"v\""}, 3, []]}"#,
        r#"{"cell_type": "c\u006fde", "source": ["a", 1], "execution_count": 2.0, "outputs": {"a": 1}}"#,
        r#"{"cell_type": "raw", "source": ["\ud83d"], "id": "x\ud83d", "execution_count": "3"}"#,
        r#"{"cell_type": "raw", "source": "\ud83d\ude00\n\ud83dx", "execution_count": -1}"#,
        "{\"cell_type\": \"markdown\", \"source\":\n\n \"one\\ntwo\", \"id\": null}",
        "{\"cell_type\": \"code\", \"source\": [\"first\"], \"input\":\n [\n\n\"\", \"last\"], \"metadata\": {\"tags\": [\"t\"]}, \"metadata\": 1}",
        "{\"cell_type\": \"code\", \"source\":\n [\n]}",
        "{\"source\": true}",
        "{\"source\": null, \"outputs\": [], \"outputs\": null}",
    ];
    let of = |cells: &str| {
        format!("{{\"metadata\": {{\"colab\": 1, \"colab\": 2}}, \"cells\": [\n{cells}], \"nbformat\": 4, \"metadata\": {{}}}}")
    };
    let mut texts: Vec<String> = cells.iter().map(|cell| of(cell)).collect();
    texts.push(of(&cells.join(",\n")));
    texts.push(SMALL.to_owned());
    let damaged = (0..SMALL.len()).flat_map(|index| {
        [" ", "\n", "\"", "\\n", "\\u00e9", "[", "0", "null", "{},", "\u{e9}"]
            .map(|damage| format!("{}{damage}{}", &SMALL[..index], &SMALL[index..]))
    });
    texts.extend(damaged);
    for text in texts {
        assert_eq!(read(text.as_bytes()).ok(), read(other(&text).as_bytes()).ok(), "{text}");
    }
}

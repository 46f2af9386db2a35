use super::*;

/// One line for each cell: number, kind, file line, tags, source.
fn shown(text: &str) -> Vec<String> {
    let notebook = read(text);
    let line = |cell: &Cell| format!("{} {} @{} {:?} {:?}", cell.number, cell.kind.as_str(), cell.file_line, cell.tags, cell.source);
    notebook.cells.iter().map(line).collect()
}

#[test]
fn cells_titles_tags_and_prose() {
    let script = "\
import os

# %% [markdown]
# # Title
#
# text

# %% Load tags=[\"nbhoist:load\", \"slow\"]
x = 1

y = 2


#%%
# %%% nested
z = 3
# %% [raw]
# raw
";
    assert_eq!(
        shown(script),
        [
            r#"1 code @1 [] "import os""#,
            r##"2 markdown @4 [] "# Title\n\ntext""##,
            r#"3 code @9 ["nbhoist:load", "slow"] "x = 1\n\ny = 2""#,
            r#"4 code @15 [] """#,
            r#"5 code @16 [] "z = 3""#,
            r#"6 raw @18 [] "raw""#,
        ]
    );
}

#[test]
fn markdown_in_triple_quotes_starts_behind_them() {
    let script = "# %% [markdown]\n\"\"\"\n# Title\n# %% not a cell\n\"\"\"\n# %%\nx = 1\n";
    assert_eq!(shown(script), [r##"1 markdown @3 [] "# Title\n# %% not a cell""##, r#"2 code @7 [] "x = 1""#]);
}

#[test]
fn commented_magics_come_back_and_comments_stay() {
    let script = "# %%\n# %%time\n# %matplotlib inline\n# files = !ls\n# !pip list\n# why?\n# 50 % of it\nx = 1 # %s\n";
    assert_eq!(shown(script), [r#"1 code @2 [] "%%time\n%matplotlib inline\nfiles = !ls\n!pip list\n# why?\n# 50 % of it\nx = 1 # %s""#]);
}

#[test]
fn a_plain_script_is_one_untouched_cell() {
    assert_eq!(shown("x = 1\n# %time f()\n"), [r#"1 code @1 [] "x = 1\n# %time f()""#]);
    assert_eq!(shown(""), [r#"1 code @1 [] """#]);
}

#[test]
fn markers_inside_strings_are_text() {
    let script = "# %%\ns = '''\n# %% inside\n'''\nt = \"a # ''' \\\" \" # '''\n# %%\nu = 1";
    assert_eq!(shown(script), [r#"1 code @2 [] "s = '''\n# %% inside\n'''\nt = \"a # ''' \\\" \" # '''""#, r#"2 code @7 [] "u = 1""#,]);
}

#[test]
fn markers_of_other_tools() {
    let script = "# In[1]:\na = 1\n# In[ ]:\nb = 2\n# <markdowncell>\n# prose\n# <codecell>\nc = 3";
    assert_eq!(
        shown(script),
        [r#"1 code @2 [] "a = 1""#, r#"2 code @4 [] "b = 2""#, r#"3 markdown @6 [] "prose""#, r#"4 code @8 [] "c = 3""#,]
    );
}

#[test]
fn jupytext_header_names_the_kernel() {
    let script = "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       format_name: percent\n\
                  #   kernelspec:\n#     display_name: R\n#     language: R\n#     name: ir\n# ---\n\n# %%\nx <- 1\n";
    let notebook = read(script);
    assert_eq!((notebook.language.as_str(), notebook.kernel.as_deref()), ("r", Some("ir")));
    assert_eq!(shown(script), [r#"1 code @13 [] "x <- 1""#]);
}

#[test]
fn windows_line_ends_and_byte_order_mark() {
    assert_eq!(shown("\u{feff}# %%\r\nx = 1\r\ny = 2\r\n# %%\r\nz = 3"), [r#"1 code @2 [] "x = 1\ny = 2""#, r#"2 code @5 [] "z = 3""#]);
}

/// Whatever the text, cells are numbered from 1 and their lines are lines of the file.
#[test]
fn any_text_is_a_script() {
    let script = "#!/usr/bin/python\n# ---\n# kernelspec:\n# ---\nx = '''\n# %%\n'''\n# %% [markdown] tags=[\"é\n\
                  \"\"\"\ntext\n\"\"\"\n# %%\n# %time é = !ls\n\ty\\\n";
    for end in (0..=script.len()).filter(|end| script.is_char_boundary(*end)) {
        let (before, after) = script.split_at(end);
        for text in [before.to_owned(), after.to_owned(), before.replace('\n', "\r\n")] {
            let notebook = read(&text);
            for (index, cell) in notebook.cells.iter().enumerate() {
                let last = u32::try_from(cell.source.lines().count()).unwrap();
                assert_eq!(cell.number as usize, index + 1);
                assert!(cell.file_line_of(last) as usize <= text.lines().count() + 2, "{text:?}");
            }
        }
    }
}

//! How large values are, as far as constants, library calls and the sizes of files say; and that nothing is made up where they say nothing.

use nbhoist_analyzer::report::{CostBasis, Size};
use nbhoist_analyzer::{After, Analysis, Request, analyze, percent};

fn analysis(script: &str, files: &[(&str, u64)]) -> Analysis {
    let notebook = percent::read(script);
    let mut request = Request::new(&notebook);
    request.file_sizes = files.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect();
    analyze(&request)
}

/// The size of `x` after a cell with this text.
fn size(text: &str) -> Option<Size> {
    let script = format!("# %%\nimport numpy as np\nimport pandas as pd\nn = 200\na = np.zeros((n, 50))\n# %%\n{text}\n");
    let analysis = analysis(&script, &[("t.csv", 3_000_000), ("a.npy", 80_128)]);
    analysis.cells.last().and_then(|cell| cell.sizes.get("x").cloned())
}

#[test]
fn arrays_keep_their_shape_on_the_way() {
    let cases = [
        ("x = np.ones((n, n))", 320_000),
        ("x = np.empty((n, 3), dtype=np.uint8)", 600),
        ("x = np.ones(n, dtype='float32') * 2", 800),
        ("x = np.random.default_rng(1).normal(size=(n, 10))", 16_000),
        ("x = a.T @ a", 20_000),
        ("x = a + a[0]", 80_000),
        ("x = a[:, None, :] - a[None]", 16_000_000),
        ("x = a > 0", 10_000),
        ("x = a[10:60, 5]", 400),
        ("x = a[-10:]", 4_000),
        ("x = a.mean(axis=1)", 1_600),
        ("x = a.reshape(-1, 25).astype('float32')", 40_000),
        ("x = np.concatenate([a, a, a])", 240_000),
        ("x = np.stack([a, a], axis=0)", 160_000),
        ("x = np.stack([a * k for k in range(7)])", 560_000),
        ("x = pd.DataFrame({'u': a[:, 0], 'v': a[:, 1]})", 3_200),
        ("x = pd.DataFrame(a)['3']", 1_600),
        ("x = np.exp(a).sum(axis=0)", 400),
        ("from sklearn.model_selection import train_test_split\ny, x = train_test_split(a, test_size=0.3)", 24_000),
        ("from sklearn.decomposition import PCA\nx = PCA(n_components=2).fit_transform(a)", 3_200),
        ("x = np.load('a.npy')", 80_128),
        ("from sklearn.datasets import load_digits\nd = load_digits()\nx = d.images.reshape(len(d.images), -1)", 1797 * 64 * 8),
        ("from sklearn.datasets import load_iris\nx = load_iris().target", 1_200),
        ("from skimage.transform import resize\nx = resize(photo, (512, 512), order=1)", 2_097_152),
        ("from scipy import ndimage\nx = ndimage.rotate(a, 20, reshape=False)", 80_000),
        ("x = np.repeat(a[:, 0], 3)", 4_800),
        ("x = np.tile(a[:, 0], 4)", 6_400),
        ("x = np.diff(a, axis=0)", 79_600),
        ("from sklearn.metrics import pairwise_distances\nx = pairwise_distances(a)", 320_000),
        ("x = np.nanmedian(a, axis=0)", 400),
        (
            "def grow(m):
    return np.zeros((30, m))
x = grow(5)",
            1_200,
        ),
        ("for k in range(a.shape[0]):\n    pass\nx = np.arange(a.shape[1])", 400),
    ];
    for (text, bytes) in cases {
        let known = size(text).unwrap_or_else(|| panic!("nothing is known of {text}"));
        assert_eq!(known.bytes, bytes, "{text}: {known:?}");
        assert!(known.low <= known.bytes && known.bytes <= known.high, "{text}: {known:?}");
    }
}

#[test]
fn containers_weigh_what_they_hold() {
    let weighed = |text: &str| size(text).map(|size| size.bytes);
    assert_eq!(weighed("x = [a, a]"), Some(160_000 + 2 * 8 + 32));
    assert_eq!(weighed("x = {'k': a}"), Some(80_000 + 33 + 2 * 8 + 32));
    assert_eq!(weighed("x = list(range(1000))"), Some(40_000));
    assert_eq!(weighed("x = [0.0] * 1000"), Some(40_032));
    assert_eq!(weighed("x = [i * i for i in range(1000)]").map(|bytes| bytes / 1000), Some(40));
    // What was put in later nobody has counted.
    assert_eq!(weighed("x = []\nfor i in range(10):\n    x.append(a)"), None);
}

#[test]
fn what_is_not_known_has_no_size() {
    let unknown = [
        "x = load()",
        "x = np.zeros(m)",
        "x = np.unique(a)",
        "x = pd.read_csv('not_there.csv')",
        "x = pd.read_csv(path)",
        "x = np.zeros((n, n), dtype=kind)",
        "from sklearn.svm import SVC\nx = SVC().fit(a, a[:, 0])",
        "x = a.sum(axis=k)",
    ];
    for text in unknown {
        assert_eq!(size(text), None, "{text}");
    }
}

#[test]
fn a_file_says_how_large_its_table_is() {
    let table = size("x = pd.read_csv('t.csv')").unwrap();
    assert!(table.low < 3_000_000 && table.high > 6_000_000 && table.bytes > 2_000_000, "{table:?}");
    assert_eq!((table.basis, table.because[0].text.as_str()), (CostBasis::Model, "read from t.csv"));
}

#[test]
fn reasons_point_at_what_made_the_value() {
    let known = size("x = np.ones((n, n))").unwrap();
    assert_eq!(known.because[0].text, "200 x 200 elements of 8 bytes");
    assert_eq!((known.because[0].cell, known.because[0].start, known.because[0].end), (2, 4, 19));
}

#[test]
fn a_cell_needs_what_it_reads_and_makes() {
    let script =
        "# %%\nimport numpy as np\na = np.zeros((1000, 1000))\n# %%\nb = a * 2\n# %%\nc = (a * a + b).sum(axis=0)\n# %%\nd = load(a)\n";
    let cells = analysis(script, &[]).cells;
    let memory = |cell: usize| (cells[cell].memory.low, cells[cell].memory.bytes, cells[cell].memory.high);
    assert_eq!(memory(0), (Some(8_000_000), Some(8_000_000), Some(8_000_000)));
    assert_eq!(memory(1), (Some(16_000_000), Some(16_000_000), Some(16_000_000)));
    // Two arrays come in; on the way one or two more are there at once.
    assert_eq!(memory(2), (Some(16_008_000), Some(24_008_000), Some(32_008_000)));
    assert_eq!(memory(3), (Some(8_000_000), None, None));
}

#[test]
fn plans_know_sizes_before_the_first_run_and_prefer_measured_ones() {
    let script = "# %%\nimport numpy as np\na = np.zeros((1000, 1000))\nb = unknown()\n# %%\nc = a @ a + b\n# %%\nprint(c)\n";
    let plan = analysis(script, &[]).plan(&[2], After::FollowingCells);
    let sizes: Vec<_> = plan.inputs.iter().map(|input| (input.name.as_str(), input.size.as_ref().map(|size| size.bytes))).collect();
    assert_eq!(sizes, [("a", Some(8_000_000)), ("b", None)]);
    let notebook = percent::read(script);
    let mut request = Request::new(&notebook);
    request.measurements.sizes.insert("a".to_owned(), 5);
    let plan = analyze(&request).plan(&[2], After::FollowingCells);
    let known = plan.inputs[0].size.as_ref().unwrap();
    assert_eq!((known.bytes, known.basis), (5, CostBasis::History));
}

//! Workers that are started ahead: used when they are as good as new ones, and only then.

mod common;

use std::time::Duration;

use nbhoist_executor::executors::{BackendConfig, Executor};
use nbhoist_executor::kernel::Origin as _;
use nbhoist_executor::migrate::{Migration, prepare};

use self::common::{TestBed, group_exists, migration, wait_until};

/// A kernel that has imported numpy, and a place whose next worker is started ahead.
async fn warm_bed() -> TestBed {
    let mut bed = TestBed::new("import numpy as np\nimport numpy.ma.mrecords\nx = 1").await;
    bed.executor.warm = true;
    bed
}

/// The same, with a list of all workers that were ever started.
struct Listed {
    bed: TestBed,
    folder: tempfile::TempDir,
}

impl Listed {
    async fn new() -> Self {
        Self::with("exec").await
    }

    /// Workers are started by this command.
    async fn with(starts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("echo $$ >>{}; {starts} \"$0\" -u -c \"$2\"", folder.path().join("pids").display());
        let command = ["sh", "-c", &script, "{python}", "{worker}"].map(str::to_owned).to_vec();
        let mut bed = warm_bed().await;
        bed.executor = Executor { warm: true, cache: false, ..Executor::new("listed", BackendConfig::Command { command, close: None }) };
        Self { bed, folder }
    }

    fn started(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// No worker outlives the session.
    async fn end(self) {
        let started = self.started();
        self.bed.end().await;
        wait_until(|| !started.iter().copied().any(group_exists), "a worker stays").await;
    }
}

/// A block that needs nothing and says whether a part of numpy was imported before it that does not come with the rest, and who it is.
fn looks() -> Migration {
    migration(&["import os, sys\nseen = 'numpy.ma.mrecords' in sys.modules\npid = os.getpid()"], &[], &["seen", "pid"])
}

/// What [`looks`] saw.
async fn saw(bed: &mut TestBed) -> (bool, u32) {
    bed.migrate(&looks()).await.0.unwrap();
    let text = bed.printed("print(seen, pid)").await;
    let (seen, pid) = text.trim().split_once(' ').unwrap();
    (seen == "True", pid.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_block_finds_what_the_session_imported() {
    let mut bed = warm_bed().await;
    let (first, one) = saw(&mut bed).await;
    let (second, other) = saw(&mut bed).await;
    assert_eq!((first, second), (false, true));
    assert_ne!(one, other);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_can_be_prepared_before_the_first_block_and_follows_new_imports() {
    let mut bed = TestBed::new("x = 1").await;
    bed.executor.warm = true;
    prepare(&mut bed.kernel, &bed.executor).await;
    bed.printed("import numpy.ma.mrecords").await;
    prepare(&mut bed.kernel, &bed.executor).await;
    let mut ready = None;
    for _ in 0..600 {
        ready = bed.kernel.ahead().ready();
        if ready.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ready.as_deref(), Some(bed.executor.name.as_str()), "the worker is up");
    assert!(saw(&mut bed).await.0);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_that_moved_several_blocks_has_a_worker_for_the_one_right_after_the_next() {
    let mut listed = Listed::new().await;
    for started in [2, 4] {
        listed.bed.migrate(&looks()).await.0.unwrap();
        wait_until(|| listed.started().len() == started, "no worker was started ahead").await;
    }
    let ahead = listed.started()[2..].to_vec();
    let used = [saw(&mut listed.bed).await, saw(&mut listed.bed).await];
    assert!(used.iter().all(|(seen, pid)| *seen && ahead.contains(pid)), "{used:?} of {ahead:?}");
    listed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_starts_while_a_block_has_its_only_processor() {
    let mut listed = Listed::with("sleep 1; exec taskset -c 0").await;
    let (packages, marks) = (listed.folder.path().join("site-packages"), listed.folder.path().join("marks"));
    std::fs::create_dir(&packages).unwrap();
    let marked = format!("import os\nopen({:?}, 'a').write('%d\\n' % os.getpid())\n", marks.display().to_string());
    std::fs::write(packages.join("marked.py"), marked).unwrap();
    // It comes after all of numpy, so a start that waits has not come to it.
    listed.bed.printed(&format!("import sys\nsys.path.append({:?})\nimport marked", packages.display().to_string())).await;
    let count = || std::fs::read_to_string(&marks).unwrap().lines().count();
    for imported in [2, 4] {
        listed.bed.migrate(&looks()).await.0.unwrap();
        wait_until(|| count() >= imported, "no worker was started ahead").await;
    }
    // A third one starts when this block ends, and the next block finds the second one ready.
    listed.bed.migrate(&looks()).await.0.unwrap();
    let look = format!(
        "import time\nlook = lambda: len(open({:?}).readlines())\nfirst = look()\ntime.sleep(4)\nlast = look()",
        marks.display().to_string()
    );
    listed.bed.migrate(&migration(&[&look], &[], &["first", "last"])).await.0.unwrap();
    assert_eq!(listed.bed.printed("print(first, last)").await, "4 4\n");
    wait_until(|| count() > 4, "no worker goes on after the block").await;
    listed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn block_leaves_nothing_to_the_next_one() {
    let mut bed = warm_bed().await;
    let mark = "import builtins, os, sys, numpy\nbuiltins.left = numpy.left = sys.left = 1\nleft = 2\nopen(os.path.devnull)\nseed = numpy.random.rand()";
    bed.migrate(&migration(&[mark], &[], &["seed"])).await.0.unwrap();
    let look = "import builtins, sys, numpy\nfound = [hasattr(thing, 'left') for thing in (builtins, sys, numpy)] + ['left' in globals()]\n\
                more = numpy.random.rand()";
    bed.migrate(&migration(&[look], &[], &["found", "more"])).await.0.unwrap();
    assert_eq!(bed.printed("print(found)").await, "[False, False, False, False]\n");
    // The generator goes on where the block before left it, as in a kernel.
    assert_eq!(bed.printed("print(seed != more)").await, "True\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_numbers_and_settings_are_those_of_the_kernel() {
    let mut bed = warm_bed().await;
    bed.migrate(&looks()).await.0.unwrap();
    bed.printed("np.random.seed(7)\nnp.set_printoptions(precision=2)\nimport warnings\nwarnings.simplefilter('error')").await;
    bed.migrate(&migration(&["import numpy\ndrawn = numpy.random.rand(3)\ntext = str(numpy.array([1.23456]))"], &[], &["drawn", "text"]))
        .await
        .0
        .unwrap();
    let text = bed.printed("np.random.seed(7)\nprint((np.random.rand(3) == drawn).all(), text)").await;
    assert_eq!(text, "True [1.23]\n");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_does_not_resemble_the_kernel_any_more_is_not_used() {
    let mut bed = warm_bed().await;
    bed.migrate(&looks()).await.0.unwrap();
    bed.printed("import os\nos.environ['NBHOIST_TEST_NEW'] = '1'").await;
    assert!(!saw(&mut bed).await.0, "the environment differs");
    assert!(saw(&mut bed).await.0);
    bed.printed("import tempfile\nos.chdir(tempfile.gettempdir() + '/..')").await;
    assert!(!saw(&mut bed).await.0, "the directory differs");
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn package_that_was_installed_since_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let packages = folder.path().join("site-packages");
    std::fs::create_dir(&packages).unwrap();
    let mut bed = warm_bed().await;
    bed.printed(&format!("import sys\nsys.path.append({:?})", packages.to_str().unwrap())).await;
    bed.migrate(&looks()).await.0.unwrap();
    assert!(saw(&mut bed).await.0);
    // It has looked at the packages by the time it is ready.
    wait_until(|| bed.kernel.ahead().ready().is_some(), "no worker was started ahead").await;
    std::fs::write(packages.join("brand_new.py"), "x = 1\n").unwrap();
    assert!(!saw(&mut bed).await.0);
    bed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_died_meanwhile_costs_nothing_but_a_new_one_and_none_stays() {
    let mut listed = Listed::new().await;
    listed.bed.migrate(&looks()).await.0.unwrap();
    wait_until(|| listed.started().len() == 2, "no worker was started ahead").await;
    let ahead = listed.started()[1];
    listed.bed.printed(&format!("import os, signal\nos.kill({ahead}, signal.SIGKILL)")).await;
    assert!(!saw(&mut listed.bed).await.0);
    wait_until(|| listed.started().len() > 3, "no other worker was started ahead").await;
    listed.end().await;
}

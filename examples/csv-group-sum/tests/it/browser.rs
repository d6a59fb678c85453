//! The page in a real browser, where there is one: what its script makes of an answer. Chromium prints the page as it is
//! once nothing happens any more.

use std::env;
use std::future::IntoFuture as _;
use std::path::PathBuf;
use std::process::Command;

use csv_group_sum::http::{Settings, router_with};
use tokio::net::TcpListener;

fn chromium() -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// The page behind `link`, after its script; none without a browser.
#[expect(clippy::print_stderr, reason = "a test that has nothing to do says so")]
async fn page(link: &str) -> Option<String> {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: there is no chromium");
        return None;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let url = format!("http://{address}/{link}");
    let server = tokio::spawn(axum::serve(listener, router_with(Settings::default())).into_future());
    let browse = move || {
        let profile = format!("{}/browser-{}", env!("CARGO_TARGET_TMPDIR"), address.port());
        let mut command = Command::new(chromium);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=20000",
        ]);
        command.arg(format!("--user-data-dir={profile}"));
        command
            .args(["--dump-dom", &url])
            .output()
            .expect("chromium starts")
    };
    let output = tokio::task::spawn_blocking(browse).await.expect("it ends");
    server.abort();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[tokio::test]
async fn a_plain_sum_shows_a_table_and_no_timeline() {
    let Some(page) = page("#sample").await else { return };
    assert!(page.contains("4 ids. 13.7 kB sent and answered in "), "{page}");
    assert!(page.contains("<td>garden, north</td>"), "{page}");
    assert!(!page.contains("class=\"bar"), "{page}");
}

#[tokio::test]
async fn map_in_a_browser_shows_timeline_and_table() {
    let Some(page) = page("?work_ms=1&invoke_lambda=false#series").await else {
        return;
    };
    assert!(page.contains("1,000 ids, the first 100 of them below."), "{page}");
    assert!(page.contains("Here, in one process: "), "{page}");
    assert!(
        page.contains("<title id=\"chart-title\">Timeline of the workers</title>"),
        "{page}"
    );
    let chart = page.split("id=\"chart\"").nth(1).expect("there is a chart");
    let (chart, legend) = chart.split_once("id=\"legend\"").expect("a legend follows");
    let bars = chart.matches("class=\"bar here\"").count();
    let table = legend.split("id=\"spans\"").nth(1).expect("there is a table");
    assert_eq!(
        table.matches("<td>here</td>").count(),
        bars,
        "each bar has its line in the table"
    );
    assert!(
        bars > 1 && legend.contains("a chunk in the caller itself"),
        "{page}"
    );
    for fact in ["Speed-up", "Cost", "Throttles"] {
        assert!(page.contains(&format!("<dt>{fact}</dt>")), "{fact}");
    }
}

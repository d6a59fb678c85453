//! A line chart: efficiency by workers, one line for each amount of work.

use std::fmt::Write as _;

use serde_json::Value;

use lzap_testkit::shell::{Failure, Result};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
/// Dark enough on white, and told apart by dashes too.
const LINES: [(&str, &str); 4] =
    [("#1b6ca8", ""), ("#b5541c", "7 4"), ("#3a7d44", "2 3"), ("#6d4c9f", "10 3 2 3")];

/// The chart as SVG.
pub(super) fn plot(rows: &Value) -> Result<String> {
    let rows = rows.as_array().ok_or_else(|| Failure::new("no simulated figures"))?;
    let at = |row: &Value, field: &str| row[field].as_f64().unwrap_or(0.0);
    let most = rows.iter().map(|row| at(row, "workers")).fold(10.0, f64::max);
    let x = |workers: f64| LEFT + (workers / 10.0).ln() / (most / 10.0).ln() * (WIDTH - LEFT - RIGHT);
    let y = |share: f64| HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\"><title>Efficiency by workers</title>\n<rect width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let at = y(percent / 100.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    let mut works: Vec<f64> = rows.iter().map(|row| at(row, "work_secs")).collect();
    works.dedup();
    for (work, (color, dash)) in works.iter().zip(LINES) {
        let line: Vec<(f64, f64)> = rows
            .iter()
            .filter(|row| (at(row, "work_secs") - work).abs() < 0.5)
            .map(|row| (x(at(row, "workers")), y(at(row, "efficiency"))))
            .collect();
        let points: Vec<String> = line.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
            points.join(" ")
        );
        if let Some((x, y)) = line.last() {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{color}\">{work:.0} s of work</text>",
                x + 8.0,
                y + 4.0
            );
        }
    }
    for workers in [10.0, 30.0, 100.0, 300.0, 900.0] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{workers}</text>",
            x(workers),
            HEIGHT - BOTTOM + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">workers at once</text>\n</svg>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 12.0
    );
    Ok(svg)
}

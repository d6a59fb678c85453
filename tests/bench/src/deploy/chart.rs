//! Bars as SVG: no dependency, readable on a light and on a dark page, with every number in words.

use std::fmt::Write as _;

/// Bars of one unit, in groups.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) groups: Vec<Group>,
}

/// Bars under one heading.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) bars: Vec<Bar>,
}

/// One bar; without a value only its text.
pub(super) struct Bar {
    pub(super) label: &'static str,
    pub(super) value: Option<f64>,
    pub(super) text: String,
    pub(super) ink: Ink,
}

/// The kind of tool that a bar represents; it chooses the color.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Ours,
    /// A peer that makes the same kind of things.
    Peer,
    /// A tool that makes less.
    Other,
}

impl Ink {
    fn class(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Other => "other",
        }
    }
}

const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.head { font-size: 15px; font-weight: 600 }
.panel { font-size: 13px; font-weight: 600 }
.group { fill: #59636e }
.paper { fill: #ffffff } .ours { fill: #d9480f } .peer { fill: #818b98 } .other { fill: #c8cfd6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .group { fill: #9198a1 }
  .paper { fill: #0d1117 } .ours { fill: #ff7b3d } .peer { fill: #768390 } .other { fill: #444c56 }
}
";

const WIDTH: usize = 880;
const MARGIN: usize = 20;
/// Of the head and of the legend.
const BAND: usize = 44;
const PANEL_HEAD: usize = 26;
const GROUP_HEAD: usize = 22;
const ROW: usize = 17;
const BAR: usize = 11;
/// For a bar's label, and for the text after the longest bar.
const LABEL: usize = 92;
const TEXT: usize = 110;

/// A picture of `columns`, each of them panels one below the other.
pub(super) fn svg(title: &str, legend: &[(Ink, &str)], columns: &[Vec<Panel>]) -> String {
    let tallest = columns.iter().map(|panels| panels.iter().map(height).sum::<usize>()).max().unwrap_or(0);
    let (width, height) = (WIDTH, tallest + 2 * BAND);
    // Writing to a String cannot fail, here and below.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n",
        title = escaped(title),
    );
    label(&mut svg, (MARGIN, 28), "head", title);
    let column = (WIDTH - MARGIN) / columns.len().max(1);
    for (place, panels) in columns.iter().enumerate() {
        let (left, mut top) = (MARGIN + place * column, BAND);
        for panel in panels {
            draw(&mut svg, panel, left, top, column - MARGIN);
            top += self::height(panel);
        }
    }
    let mut left = MARGIN;
    for (ink, meaning) in legend {
        let top = BAND + tallest + 12;
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{left}\" y=\"{top}\" width=\"11\" height=\"11\" rx=\"2\"/>",
            ink.class()
        );
        label(&mut svg, (left + 17, top + 10), "key", meaning);
        left += 40 + 6 * meaning.len();
    }
    svg + "</svg>\n"
}

fn height(panel: &Panel) -> usize {
    PANEL_HEAD + panel.groups.iter().map(|group| GROUP_HEAD + ROW * group.bars.len()).sum::<usize>() + 10
}

fn draw(svg: &mut String, panel: &Panel, left: usize, top: usize, width: usize) {
    label(svg, (left, top + 14), "panel", panel.title);
    let bars = || panel.groups.iter().flat_map(|group| &group.bars);
    let most = bars().filter_map(|bar| bar.value).fold(0.0, f64::max);
    let room = width.saturating_sub(LABEL + TEXT);
    let mut y = top + PANEL_HEAD;
    for group in &panel.groups {
        label(svg, (left, y + 14), "group", group.title);
        y += GROUP_HEAD;
        for bar in &group.bars {
            let long = bar.value.map_or(0.0, |value| length(value, most, room));
            let x = left + LABEL;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{long:.1}\" height=\"{BAR}\" rx=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                x - 6,
                y + 10,
                escaped(bar.label),
                bar.ink.class(),
                f64::from(u32::try_from(x).unwrap_or(u32::MAX)) + long + 5.0,
                y + 10,
                escaped(&bar.text),
            );
            y += ROW;
        }
    }
}

/// As long as its share of the longest, and never too short to be seen.
fn length(value: f64, most: f64, room: usize) -> f64 {
    let room = f64::from(u32::try_from(room).unwrap_or(u32::MAX));
    if value <= 0.0 || most <= 0.0 { 0.0 } else { (value / most * room).max(1.0) }
}

fn label(svg: &mut String, (x, y): (usize, usize), class: &str, text: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: Option<f64>) -> Bar {
        Bar { label: "shop", value, text: "5 < 6 s".to_owned(), ink: Ink::Ours }
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        for (value, pixels) in [(10.0, 200.0), (5.0, 100.0), (0.001, 1.0), (0.0, 0.0)] {
            assert!((length(value, 10.0, 200) - pixels).abs() < 1e-9, "{value}");
        }
        assert!(length(0.0, 0.0, 200).abs() < 1e-9);
    }

    #[test]
    fn the_picture_has_every_word_both_colors_and_no_bar_without_a_value() {
        let groups = vec![Group { title: "first", bars: vec![bar(Some(1.0)), bar(None)] }];
        let svg = svg("A & B", &[(Ink::Peer, "peers")], &[vec![Panel { title: "seconds", groups }]]);
        for part in ["A &amp; B", "seconds", "first", "5 &lt; 6 s", "peers", "prefers-color-scheme: dark"] {
            assert!(svg.contains(part), "{part}");
        }
        assert_eq!(svg.matches("width=\"0.0\"").count(), 1);
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}

//! The chart of an audit: late events and wrong rows against the delay, as SVG.
//!
//! Written by hand: the chart is put into HTML pages, so it has to follow the reader's light or dark
//! colours by CSS and to have a title and a description for screen readers. Plotters and its kin write
//! fixed colours, and neither of the two.

use super::audit::alike;
use super::lengths::exact;
use crate::audit::{AuditReport, DelayAudit, OutputAudit};
use crate::report::escaped;
use crate::time::{DAY, HOUR, MINUTE, SECOND};
use std::fmt::Write;

const WIDTH: f64 = 860.0;
/// The plots are between these.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 830.0;
const TOP: f64 = 70.0;
/// Of one plot, and from one plot to the next.
const HEIGHT: f64 = 190.0;
const PITCH: f64 = 250.0;
/// The least distance of two labels on the axis of delays.
const APART: f64 = 46.0;
/// Colours by number of the line; the dashes tell apart what they cannot.
const COLOURS: usize = 6;
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "9 3 2 3"];
/// Delays that may have a label.
const TICKS: [i64; 24] = [
    0,
    1_000,
    10_000,
    100_000,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    30 * DAY,
    100 * DAY,
    365 * DAY,
];

/// Colours of its own in a scope of its own, as the chart may stand in a page.
const STYLE: &str = "\
.hw-audit{--bg:#fff;--ink:#1c2024;--dim:#5c656e;--grid:#dde1e6;--c0:#0b62c4;--c1:#b4450f;--c2:#177245;\
--c3:#7a35d1;--c4:#8a6100;--c5:#b8175e;font-family:system-ui,sans-serif;font-size:12px}\
@media(prefers-color-scheme:dark){.hw-audit{--bg:#16191d;--ink:#e8eaed;--dim:#a3abb3;--grid:#343a41;\
--c0:#6cb2ff;--c1:#ff9a63;--c2:#55cf8d;--c3:#c3a4ff;--c4:#e2b340;--c5:#ff7fb4}}\
.hw-audit text{fill:var(--ink)}.hw-audit .dim{fill:var(--dim)}.hw-audit .grid{stroke:var(--grid)}\
.hw-audit .job{stroke:var(--dim);stroke-dasharray:3 3}.hw-audit .line{fill:none;stroke-width:2}";

/// The chart of `report`: a complete SVG document, which may also stand inside an HTML page.
pub fn svg(report: &AuditReport) -> String {
    let lines = alike(&report.outputs);
    let x = Delays::of(&report.outputs, report.delay);
    let height = TOP + 2.0 * PITCH + 24.0 + 20.0 * lines.len() as f64;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"hw-audit\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"hw-audit-title hw-audit-desc\">\n\
         <title id=\"hw-audit-title\">{TITLE}</title>\n\
         <desc id=\"hw-audit-desc\">{}</desc>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" style=\"fill:var(--bg)\"/>\n",
        escaped(&description(&lines))
    );
    text(&mut out, LEFT, 30.0, "font-size=\"16\" font-weight=\"600\"", TITLE);
    plot(&mut out, TOP, "late events, % of events", &x, report.delay, &lines, &|output, delay| {
        share(delay.late, output.events)
    });
    plot(&mut out, TOP + PITCH, "wrong rows, % of rows", &x, report.delay, &lines, &|output, delay| {
        share(delay.wrong_rows, output.rows)
    });
    let bottom = TOP + 2.0 * PITCH;
    text(
        &mut out,
        (LEFT + RIGHT) / 2.0,
        bottom - 12.0,
        "class=\"dim\" text-anchor=\"middle\"",
        "delay: out_of_orderness",
    );
    for (i, (names, output)) in lines.iter().enumerate() {
        let y = bottom + 16.0 + 20.0 * i as f64;
        let _ = writeln!(out, "<path class=\"line\" d=\"M{LEFT} {}h28\" {}/>", y - 4.0, stroke(i));
        let name = format!("{}: {}", names.join(", "), output.window);
        text(&mut out, LEFT + 36.0, y, "", &cut(&name, 110));
    }
    out.push_str("</svg>\n");
    out
}

const TITLE: &str = "What each delay of the watermark would have cost";

/// What the lines show, in words.
fn description(lines: &[(Vec<String>, &OutputAudit)]) -> String {
    let mut out = "Late events and wrong rows in percent against the delay.".to_string();
    for (names, output) in lines {
        if let [first, .., last] | [first @ last] = output.delays.as_slice() {
            let _ = write!(
                out,
                " {}: from {} % late and {} % wrong at {} to {} % and {} % at {}.",
                names.join(", "),
                number(share(first.late, output.events)),
                number(share(first.wrong_rows, output.rows)),
                exact(first.delay),
                number(share(last.late, output.events)),
                number(share(last.wrong_rows, output.rows)),
                exact(last.delay)
            );
        }
    }
    out
}

/// The axis of delays: linear near 0, logarithmic further on.
struct Delays {
    /// The length from which on it is logarithmic.
    unit: f64,
    max: f64,
    ticks: Vec<i64>,
}

impl Delays {
    fn of(outputs: &[OutputAudit], job: i64) -> Delays {
        let delays = || outputs.iter().flat_map(|o| o.delays.iter().map(|d| d.delay)).chain([job]);
        let unit = delays().filter(|d| *d > 0).min().unwrap_or(SECOND);
        let max = delays().max().unwrap_or(0).max(unit);
        let mut axis = Delays { unit: unit as f64, max: max as f64, ticks: vec![] };
        for tick in TICKS.into_iter().filter(|tick| *tick <= max) {
            if axis.ticks.last().is_none_or(|last| axis.at(tick) - axis.at(*last) >= APART) {
                axis.ticks.push(tick);
            }
        }
        axis
    }

    fn at(&self, delay: i64) -> f64 {
        let scaled = |length: f64| (1.0 + length / self.unit).ln();
        LEFT + (RIGHT - LEFT) * scaled(delay.max(0) as f64) / scaled(self.max)
    }
}

/// One plot with its grid, and a line for each output.
fn plot(
    out: &mut String,
    top: f64,
    title: &str,
    x: &Delays,
    job: i64,
    lines: &[(Vec<String>, &OutputAudit)],
    of: &dyn Fn(&OutputAudit, &DelayAudit) -> f64,
) {
    let bottom = top + HEIGHT;
    let values = lines.iter().flat_map(|(_, output)| output.delays.iter().map(|d| of(output, d)));
    let max = ceiling(values.fold(0.0, f64::max));
    let y = |value: f64| bottom - HEIGHT * value / max;
    text(out, LEFT, top - 12.0, "font-weight=\"600\"", title);
    for step in 0..=4 {
        let value = max * f64::from(step) / 4.0;
        let _ = writeln!(out, "<path class=\"grid\" d=\"M{LEFT} {:.1}H{RIGHT}\"/>", y(value));
        let label = format!("{} %", number(value));
        text(out, LEFT - 8.0, y(value) + 4.0, "class=\"dim\" text-anchor=\"end\"", &label);
    }
    for &tick in &x.ticks {
        let at = x.at(tick);
        let _ = writeln!(out, "<path class=\"grid\" d=\"M{at:.1} {top}V{bottom}\"/>");
        text(out, at, bottom + 18.0, "class=\"dim\" text-anchor=\"middle\"", &exact(tick));
    }
    let at = x.at(job);
    let _ = writeln!(out, "<path class=\"job\" d=\"M{at:.1} {top}V{bottom}\"/>");
    let (anchor, beside) = if at < (LEFT + RIGHT) / 2.0 { ("start", 6.0) } else { ("end", -6.0) };
    let label = format!("the job's {}", exact(job));
    text(out, at + beside, top + 14.0, &format!("class=\"dim\" text-anchor=\"{anchor}\""), &label);
    for (i, (names, output)) in lines.iter().enumerate() {
        let points: Vec<String> =
            output.delays.iter().map(|d| format!("{:.1},{:.1}", x.at(d.delay), y(of(output, d)))).collect();
        let _ = writeln!(out, "<polyline class=\"line\" points=\"{}\" {}/>", points.join(" "), stroke(i));
        for (point, delay) in points.iter().zip(&output.delays) {
            let (cx, cy) = point.split_once(',').unwrap_or((point, point));
            let says =
                format!("{}: {} % at {}", names.join(", "), number(of(output, delay)), exact(delay.delay));
            let _ = writeln!(
                out,
                "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3\" style=\"fill:var(--c{})\"><title>{}</title></circle>",
                i % COLOURS,
                escaped(&says)
            );
        }
    }
}

fn stroke(line: usize) -> String {
    let dashes = DASHES[line / COLOURS % DASHES.len()];
    format!("style=\"stroke:var(--c{});stroke-dasharray:{dashes}\"", line % COLOURS)
}

fn text(out: &mut String, x: f64, y: f64, attributes: &str, text: &str) {
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{}</text>", escaped(text));
}

fn share(n: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * n as f64 / of as f64 }
}

/// The least of 1, 2, 4, 8, 10, 20, … (and below 1 so on) that is at least `value`: quarters of it are short.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 8.0, 10.0].into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

/// A number of percent in three digits.
fn number(value: f64) -> String {
    let digits = if value > 0.0 { (2.0 - value.log10().floor()).clamp(0.0, 9.0) as usize } else { 0 };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

#[cfg(test)]
mod tests;

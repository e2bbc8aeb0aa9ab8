//! The timeline: one row a trainee, lessons as blocks, presence as bars over them. SVG, drawn by a plain function.
//!
//! What a cell is can be told without colour: attested is filled, a tail is hatched, a blank is empty with a cross,
//! unproven is dotted, a lesson that nobody logged is grey with a cross. Every mark has a title for a pointer and for a screen reader.

use std::fmt::Write;

use super::format::clock;

/// A lesson. Milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its id.
    pub name: String,
    /// From.
    pub start: i64,
    /// To.
    pub end: i64,
}

/// An interval of presence.
#[derive(Debug, Clone)]
pub struct Bar {
    /// From.
    pub from: i64,
    /// To.
    pub to: i64,
    /// Assurance.
    pub level: u8,
    /// Where its first record is shown.
    pub link: String,
}

/// A trainee's row.
#[derive(Debug, Clone)]
pub struct Track {
    /// Name and opaque id.
    pub name: String,
    /// For each lesson its shape and the reason why it does not count.
    pub cells: Vec<(&'static str, Option<&'static str>)>,
    /// When the trainee was there.
    pub bars: Vec<Bar>,
}

const LEFT: f64 = 208.0;
const WIDTH: f64 = 1000.0;
const TOP: f64 = 34.0;
const ROW: f64 = 30.0;

/// Draws a session. `word` gives the text for a key of the catalogue.
pub fn svg(
    lessons: Vec<Block>,
    tracks: &[Track],
    outages: Vec<(i64, i64, String)>,
    word: &impl Fn(&str) -> String,
) -> String {
    let seen = tracks.iter().flat_map(|t| &t.bars);
    let start = lessons.iter().map(|l| l.start).chain(seen.clone().map(|b| b.from)).min().unwrap_or(0);
    let end = lessons.iter().map(|l| l.end).chain(seen.map(|b| b.to)).max().unwrap_or(1);
    let span = ((end - start).max(1)) as f64 * 1.02;
    let x = |ms: i64| LEFT + (ms.clamp(start, end) - start) as f64 / span * (WIDTH - LEFT);
    let height = TOP + ROW * tracks.len() as f64 + 6.0;
    let seconds = end - start < 20 * 60 * 1000;
    let mut s = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\
         <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"6\" height=\"6\" class=\"hatch-ground\"/><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" class=\"hatch-line\"/></pattern>\
         <pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" class=\"dots-ground\"/>\
         <circle cx=\"3\" cy=\"3\" r=\"1.2\" class=\"dots-dot\"/></pattern></defs>",
        escape(&word("timeline.label"))
    );
    for lesson in &lessons {
        let (from, to) = (x(lesson.start), x(lesson.end));
        let _ = write!(
            s,
            "<text x=\"{:.1}\" y=\"13\" class=\"lesson\" text-anchor=\"middle\">{}</text>\
             <text x=\"{from:.1}\" y=\"27\" class=\"tick\">{}</text>",
            (from + to) / 2.0,
            escape(&lesson.name),
            clock(lesson.start, seconds),
        );
    }
    for (i, track) in tracks.iter().enumerate() {
        let y = TOP + ROW * i as f64;
        let _ = write!(s, "<text x=\"0\" y=\"{:.1}\" class=\"who\">{}</text>", y + 18.0, escape(&track.name));
        for (lesson, (shape, reason)) in lessons.iter().zip(&track.cells) {
            let (from, wide) = (x(lesson.start), x(lesson.end) - x(lesson.start));
            let why = reason.map_or(String::new(), |r| format!(": {}", word(&format!("reason.{r}"))));
            let _ = write!(
                s,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" rx=\"3\" class=\"cell {shape}\"><title>{}, {}: {}{}</title></rect>",
                y + 2.0,
                ROW - 6.0,
                escape(&track.name),
                escape(&lesson.name),
                escape(&word(&format!("shape.{shape}"))),
                escape(&why),
            );
            if matches!(*shape, "blank" | "not-held") {
                let (cx, cy) = (from + wide / 2.0, y + ROW / 2.0 - 1.0);
                let _ = write!(s, "<path d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\" class=\"cross\"/>", cx - 4.0, cy - 4.0);
            }
        }
        for bar in &track.bars {
            let wide = (x(bar.to) - x(bar.from)).max(3.0);
            let _ = write!(
                s,
                "<a href=\"{}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"7\" rx=\"3.5\" class=\"bar level-{}\"><title>{} {}–{}, {} {}</title></rect></a>",
                escape(&bar.link),
                x(bar.from),
                y + ROW / 2.0 - 4.5,
                bar.level,
                escape(&track.name),
                clock(bar.from, true),
                clock(bar.to, true),
                escape(&word("timeline.level")),
                bar.level,
            );
        }
    }
    for (from, to, part) in outages {
        let _ = write!(
            s,
            "<rect x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" class=\"outage\"><title>{}: {}–{}</title></rect>",
            x(from),
            (x(to) - x(from)).max(2.0),
            ROW * tracks.len() as f64,
            escape(&word(&format!("part.{part}"))),
            clock(from, true),
            clock(to, true),
        );
    }
    s.push_str("</svg>");
    s
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_is_there_and_escapes_names() {
        let lessons = vec![Block { name: "l1".into(), start: 0, end: 100 }];
        let bar = Bar { from: 10, to: 60, level: 3, link: "/s#seq-2".into() };
        let tracks = [Track { name: "<b>".into(), cells: vec![("tail", Some("too-short"))], bars: vec![bar] }];
        let svg = svg(lessons, &tracks, vec![(20, 30, "camera".into())], &|key| key.to_owned());
        assert!(!svg.contains("class=\"cross\""));
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        for part in ["cell tail", "reason.too-short", "level-3", "/s#seq-2", "part.camera"] {
            assert!(svg.contains(part), "{part}");
        }
    }
    #[test]
    fn a_lesson_that_nobody_logged_is_crossed_out_and_says_so() {
        let lessons = vec![Block { name: "l1".into(), start: 0, end: 100 }];
        let tracks = [Track { name: "t".into(), cells: vec![("not-held", Some("not-logged"))], bars: Vec::new() }];
        let svg = svg(lessons, &tracks, Vec::new(), &|key| key.to_owned());
        for part in ["cell not-held", "shape.not-held", "reason.not-logged", "class=\"cross\""] {
            assert!(svg.contains(part), "{part}");
        }
    }
}

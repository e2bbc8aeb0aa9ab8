//! The timeline: one row a trainee, lessons as blocks, presence as bars over them. SVG, drawn by a plain function.
//!
//! What a cell is can be told without colour: attested is filled, a tail is hatched, a blank is empty with a cross,
//! unproven is dotted, a lesson that nobody logged is grey with a stroke, and what a finding disproved has a dark corner
//! besides. Every mark has a title for a pointer and for a screen reader.

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

/// What one lesson is for one trainee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its shape.
    pub shape: &'static str,
    /// Why it does not count; empty when it does.
    pub reason: &'static str,
    /// The titles of the findings that disproved it; mostly empty.
    pub disproved: String,
}

impl Mark {
    /// In words: shape, reason, and what disproved it.
    pub fn says(&self, word: &impl Fn(&str) -> String) -> String {
        let mut said = word(&format!("shape.{}", self.shape));
        if !self.reason.is_empty() {
            said += &format!(": {}", word(&format!("reason.{}", self.reason)));
        }
        if !self.disproved.is_empty() {
            said += &format!(" · {}: {}", word("shape.disproved"), self.disproved);
        }
        said
    }

    /// The marks over a box, without its colours.
    pub fn over(&self, x: f64, y: f64, wide: f64, high: f64) -> String {
        let mut s = String::new();
        let r = (wide.min(high) * 0.28).min(4.0);
        let (cx, cy) = (x + wide / 2.0, y + high / 2.0);
        let cross = match self.shape {
            "blank" => format!("m-{r:.1} -{r:.1}l{d:.1} {d:.1}m0 -{d:.1}l-{d:.1} {d:.1}", d = 2.0 * r),
            "not-held" => format!("m-{r:.1} {r:.1}l{d:.1} -{d:.1}", d = 2.0 * r),
            "beyond" => format!("m-{r:.1} 0h{d:.1}m-{r:.1} -{r:.1}v{d:.1}", d = 2.0 * r),
            _ => String::new(),
        };
        if !cross.is_empty() {
            let _ = write!(s, "<path d=\"M{cx:.1} {cy:.1}{cross}\" class=\"cross\"/>");
        }
        if !self.disproved.is_empty() {
            let k = (high * 0.6).min(wide);
            let _ = write!(s, "<path d=\"M{:.1} {:.1}v-{k:.1}l-{k:.1} {k:.1}z\" class=\"gone\"/>", x + wide, y + high);
        }
        s
    }
}

/// A trainee's row.
#[derive(Debug, Clone)]
pub struct Track {
    /// Name and opaque id.
    pub name: String,
    /// One for each lesson.
    pub cells: Vec<Mark>,
    /// When the trainee was there.
    pub bars: Vec<Bar>,
}

/// The shapes in the order of the legend, each with the sign that stands in its box.
pub const LEGEND: [(&str, &str); 8] = [
    ("attested", ""),
    ("tail", ""),
    ("blank", "×"),
    ("unproven", ""),
    ("not-held", "/"),
    ("beyond", "+"),
    ("disproved", ""),
    ("unclaimed", ""),
];

/// What boxes are filled with, where no colour does.
pub const PATTERNS: &str = "<defs>\
    <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
    <rect width=\"6\" height=\"6\" class=\"hatch-ground\"/><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" class=\"hatch-line\"/></pattern>\
    <pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" class=\"dots-ground\"/>\
    <circle cx=\"3\" cy=\"3\" r=\"1.2\" class=\"dots-dot\"/></pattern></defs>";

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
    let label = escape(&word("timeline.label"));
    let mut s = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" role=\"group\" aria-label=\"{label}\">{PATTERNS}"
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
        for (lesson, mark) in lessons.iter().zip(&track.cells) {
            let (from, wide) = (x(lesson.start), x(lesson.end) - x(lesson.start));
            let _ = write!(
                s,
                "<g><title>{}, {}: {}</title><rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" rx=\"3\" class=\"cell {}\"/>{}</g>",
                escape(&track.name),
                escape(&lesson.name),
                escape(&mark.says(word)),
                y + 2.0,
                ROW - 6.0,
                mark.shape,
                mark.over(from, y + 2.0, wide, ROW - 6.0),
            );
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

/// Text for an attribute or an element.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(name: &str, mark: Mark, bars: Vec<Bar>) -> String {
        let lessons = vec![Block { name: "l1".into(), start: 0, end: 100 }];
        let tracks = [Track { name: name.to_owned(), cells: vec![mark], bars }];
        svg(lessons, &tracks, vec![(20, 30, "camera".into())], &|key| key.to_owned())
    }

    fn mark(shape: &'static str, reason: &'static str, disproved: &str) -> Mark {
        Mark { shape, reason, disproved: disproved.to_owned() }
    }

    #[test]
    fn draws_what_is_there_and_escapes_names() {
        let bar = Bar { from: 10, to: 60, level: 3, link: "/s#seq-2".into() };
        let svg = drawn("<b>", mark("tail", "too-short", ""), vec![bar]);
        assert!(!svg.contains("class=\"cross\"") && !svg.contains("class=\"gone\""));
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        for part in ["cell tail", "reason.too-short", "level-3", "/s#seq-2", "part.camera"] {
            assert!(svg.contains(part), "{part}");
        }
    }

    #[test]
    fn every_shape_can_be_told_without_colour_and_what_is_disproved_says_by_what() {
        let over = |shape| mark(shape, "", "").over(0.0, 0.0, 20.0, 20.0);
        let crosses = [over("blank"), over("not-held"), over("beyond")];
        assert!(crosses.iter().all(|c| c.contains("class=\"cross\"")));
        assert!(crosses[0] != crosses[1] && crosses[1] != crosses[2]);
        assert!(["attested", "tail", "unproven"].iter().all(|shape| over(shape).is_empty()));
        let svg = drawn("t", mark("attested", "", "虚报学员"), Vec::new());
        assert!(svg.contains("shape.attested · shape.disproved: 虚报学员") && svg.contains("class=\"gone\""), "{svg}");
    }

    #[test]
    fn a_lesson_that_nobody_logged_is_struck_out_and_says_so() {
        let svg = drawn("t", mark("not-held", "not-logged", ""), Vec::new());
        for part in ["cell not-held", "shape.not-held", "reason.not-logged", "class=\"cross\""] {
            assert!(svg.contains(part), "{part}");
        }
    }
}

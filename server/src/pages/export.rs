//! What a run says as files that a spreadsheet opens: CSV and XLSX. Ids alone; no name leaves the pages by a file.

use rusqlite::Connection;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::Words;
use super::format::yuan;
use crate::api::findings::Filter;
use crate::store::{StoreError, findings};

/// What can be had as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What is said of each class.
    Classes,
    /// What is said of each claim.
    Claims,
    /// All findings.
    Findings,
}

impl What {
    /// From a file's name without its ending.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "classes" => Some(Self::Classes),
            "claims" => Some(Self::Claims),
            "findings" => Some(Self::Findings),
            _ => None,
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Fen; shown in yuan with two places.
    Money(i64),
}

/// A sheet: its head and its rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// The columns' names.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// The sheet.
///
/// # Errors
/// [`StoreError`].
pub fn sheet(conn: &Connection, what: What, filter: &Filter, w: Words) -> Result<Sheet, StoreError> {
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    let head = |keys: &[&str]| keys.iter().map(|key| w.of(key).to_owned()).collect();
    let classes = findings::classes_page(conn, run, filter, u64::MAX, 0)?;
    let mut sheet = Sheet::default();
    match what {
        What::Classes => {
            sheet.head = head(&[
                "claims.class",
                "claims.institution",
                "claims.region",
                "claims.band",
                "claims.trainees",
                "claims.hours",
                "claims.attested",
                "claims.unproven",
                "claims.amount",
                "total.certain",
                "total.strong",
                "total.unproven",
                "finding.exposure",
            ]);
            sheet.rows.extend(classes.iter().map(|c| {
                let numbers = [c.trainees, c.hours, c.attested, c.unproven].map(Cell::Number);
                let money =
                    [c.amount_fen, c.certain_fen, c.strong_fen, c.unproven_fen, c.exposure_fen].map(Cell::Money);
                let words = [text(&c.class), text(&c.institution), text(&c.region), text(&w.in_("band", &c.band))];
                words.into_iter().chain(numbers).chain(money).collect()
            }));
        }
        What::Claims => {
            sheet.head = head(&[
                "claims.class",
                "claim.id",
                "claims.hours",
                "claims.attested",
                "claims.unproven",
                "shape.not-held",
                "shape.beyond",
                "claims.amount",
                "claims.at_risk",
            ]);
            for class in &classes {
                sheet.rows.extend(findings::trainees(conn, run, &class.class)?.iter().map(|t| {
                    let numbers = [t.hours, t.attested, t.unproven, t.not_held, t.beyond].map(Cell::Number);
                    let money = [t.amount_fen, t.at_risk_fen].map(Cell::Money);
                    [text(&t.class), text(&t.trainee)].into_iter().chain(numbers).chain(money).collect()
                }));
            }
        }
        What::Findings => {
            sheet.head = head(&[
                "findings.title",
                "findings.rule",
                "claims.band",
                "claims.class",
                "claims.institution",
                "claims.region",
                "finding.about",
                "claims.hours",
                "finding.at_risk",
                "finding.exposure",
                "findings.said",
                "finding.innocent",
                "finding.next",
                "finding.basis",
                "finding.proof",
            ]);
            for f in findings::page(conn, run, filter, u64::MAX, 0)? {
                let words = if w.zh() { &f.zh } else { &f.en };
                let grade = format!("{:?}", f.grade).to_lowercase();
                let proofs: Vec<String> = f
                    .proofs
                    .iter()
                    .map(|p| format!("{}/{} #{}-{}", p.device, p.counter, p.seq_from, p.seq_to))
                    .collect();
                sheet.rows.push(vec![
                    text(&f.finding),
                    text(&words.title),
                    text(&w.in_("grade", &grade)),
                    text(&f.class),
                    text(&f.institution),
                    text(&f.region),
                    text(&f.subject),
                    Cell::Number(f.cells),
                    Cell::Money(f.at_risk_fen),
                    Cell::Money(f.exposure_fen),
                    text(&words.explanation),
                    text(&words.innocent),
                    text(&words.next),
                    text(&f.basis),
                    Cell::Text(proofs.join(" ")),
                ]);
            }
        }
    }
    Ok(sheet)
}

/// As CSV in UTF-8 with a byte-order mark, without which Excel takes Chinese for something else.
///
/// # Errors
/// [`csv::Error`].
pub fn csv(sheet: &Sheet) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(&sheet.head)?;
    for row in &sheet.rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Text(text) => harmless(text),
            Cell::Number(n) => n.to_string(),
            Cell::Money(fen) => yuan(*fen).replace(',', ""),
        }))?;
    }
    writer.into_inner().map_err(|e| csv::Error::from(e.into_error()))
}

/// A spreadsheet takes text that begins like this for a formula, and runs it.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// As XLSX.
///
/// # Errors
/// [`XlsxError`].
pub fn xlsx(sheet: &Sheet) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (bold, money) = (Format::new().set_bold(), Format::new().set_num_format("#,##0.00"));
    // A sheet holds 1,048,576 rows, its head among them.
    for part in sheet.rows.chunks(1_048_575).chain(sheet.rows.is_empty().then_some(&[][..])) {
        let to = book.add_worksheet_with_constant_memory()?;
        to.set_freeze_panes(1, 0)?;
        for (column, name) in (0..).zip(&sheet.head) {
            to.write_string_with_format(0, column, name, &bold)?;
        }
        for (line, row) in (1..).zip(part) {
            for (column, cell) in (0..).zip(row) {
                match cell {
                    Cell::Text(text) => to.write_string(line, column, text)?,
                    // Exact in a spreadsheet's doubles up to 90 million million yuan.
                    Cell::Number(n) => to.write_number(line, column, *n as f64)?,
                    Cell::Money(fen) => to.write_number_with_format(line, column, *fen as f64 / 100.0, &money)?,
                };
            }
        }
    }
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_money_is_in_yuan() {
        let sheet = Sheet {
            head: vec!["a".to_owned(), "元".to_owned()],
            rows: vec![vec![text("=1+1"), Cell::Money(123_456)], vec![text("a,\"b"), Cell::Number(-3)]],
        };
        let csv = String::from_utf8(csv(&sheet).unwrap()).unwrap();
        assert_eq!(csv, "\u{feff}a,元\n'=1+1,1234.56\n\"a,\"\"b\",-3\n");
        let xlsx = xlsx(&sheet).unwrap();
        assert!(xlsx.starts_with(b"PK"));
        assert!(super::xlsx(&Sheet::default()).unwrap().starts_with(b"PK"));
    }
}

//! Sheets as files that a spreadsheet opens: CSV and XLSX.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::format::yuan;

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
                    Cell::Text(text) => to.write_string(line, column, fitting(text))?,
                    // Exact in a spreadsheet's doubles up to 90 million million yuan.
                    Cell::Number(n) => to.write_number(line, column, *n as f64)?,
                    Cell::Money(fen) => to.write_number_with_format(line, column, *fen as f64 / 100.0, &money)?,
                };
            }
        }
    }
    book.save_to_buffer()
}

/// A cell of a spreadsheet holds 32,767 characters, counted as UTF-16; a CSV has no such end, and has all.
fn fitting(text: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 32_767;
    if text.len() <= MOST {
        return text.into();
    }
    let mut units = 0;
    let cut = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > MOST - 1
    });
    cut.map_or(text.into(), |(at, _)| format!("{}…", &text[..at]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

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
        // Records of a thousand sessions in one cell are cut, and do not cost the file.
        for long in ["d874aadc86de1/12 #0-0 ".repeat(4_000), "学".repeat(40_000), "学".repeat(32_767)] {
            assert!(fitting(&long).encode_utf16().count() <= 32_767);
            assert!(super::xlsx(&Sheet { head: Vec::new(), rows: vec![vec![text(&long)]] }).is_ok());
        }
        assert_eq!(fitting(&"学".repeat(32_767)).chars().count(), 32_767);
        assert!(super::xlsx(&Sheet::default()).unwrap().starts_with(b"PK"));
    }
}

use std::collections::BTreeSet;

use muster_seal::central::{ContactLeaf, EnrolLeaf, Leaf};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::record::{Body, Close, Open, Record, Stamp};
use rusqlite::params;

use super::*;
use crate::import::{What, import};
use crate::store::devices::Code;
use crate::store::{Store, checkpoints, devices as lives, dispositions as decided, sessions};

const NOW: &str = "2026-03-10T12:00:00.000+08:00";
const POLICY: &str = "version = \"p1\"\nclass_hour_s = 2700\nshare_permille = 800\ndaily_cap = 6\nlevel = 2\nmanual = true\n\
                      pay_mode = \"lump\"\nrate_permille = 800\n";
/// Numbers of nobody, with their check digits.
const TRAINEE: &str = "999999199001010017";
const TEACHER: &str = "999999198001010019";

fn ms(text: &str) -> i64 {
    time_ms(text).unwrap()
}

fn checked(number: &str) -> String {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = number.chars().zip(weights).map(|(c, w)| c.to_digit(10).unwrap() * w).sum();
    format!("{}{}", &number[..17], "10X98765432".chars().nth((sum % 11) as usize).unwrap())
}

struct Bureau {
    store: Store,
    _dir: tempfile::TempDir,
}

impl Bureau {
    /// A finding that stood from a run on, and until another.
    fn finding(&self, finding: &str, stood: (i64, Option<i64>), subject: &str, fen: i64) {
        let sql =
            "INSERT INTO finding VALUES (?, ?, ?, 'r', 'c1', 'hq', '150422', ?, 'claims', 0, 1, 1, ?, 0, ?, '[]')";
        self.write(sql, params![finding, stood.0, stood.1, subject, fen, "{\"grade\":\"strong\"}"]);
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bureau = Self { store: Store::open(dir.path(), Some("muster.example")).unwrap(), _dir: dir };
        bureau.take(What::Institutions, "institution,name,region\nhq,x,150422\n");
        bureau.take(What::Sites, "site,institution,region,name\ns1,hq,150422,x\n");
        bureau.take(What::Policy, POLICY);
        let classes = "class,institution,site,title,policy,occupation,level,kind\n";
        bureau.take(What::Classes, &format!("{classes}c1,hq,s1,x,p1,电工,五级,夜班\nc2,hq,s1,x,p1,,,\n"));
        bureau
    }

    fn take(&self, what: What, text: &str) {
        import(&self.store, what, "x.csv", text.as_bytes(), NOW).unwrap_or_else(|e| panic!("{e}"));
    }

    fn all(&self, only: Option<&[&str]>) -> BTreeMap<&'static str, Vec<Row>> {
        let only: Option<BTreeSet<String>> = only.map(|list| list.iter().map(|c| (*c).to_owned()).collect());
        self.store
            .read(|conn| {
                let mut rows = of_store(conn, NOW, only.as_ref())?;
                rows.extend(imports(conn)?);
                Ok::<_, StoreError>(rows)
            })
            .unwrap()
    }

    fn write(&self, sql: &str, params: impl Params) {
        self.store.write(|tx| tx.execute(sql, params).map_err(StoreError::from)).unwrap();
    }

    /// A device that is enrolled.
    fn device(&self, id: &str, seed: u8) {
        let key = DeviceKey::from_seed([seed; 32]).public();
        let (device, at) = (id.to_owned(), NOW.to_owned());
        let code = Code { site: "s1".into(), name: String::new(), expires_ms: 0, replaces: None, used_by: None };
        let (site, institution) = ("s1".to_owned(), "hq".to_owned());
        let leaf = Leaf::Enrol(EnrolLeaf { device, key: key.to_base64(), sm2: None, site, institution, at });
        let enrol = |tx: &rusqlite::Transaction<'_>| {
            let index = checkpoints::append(tx, &[leaf.line()])?;
            lives::enrol(tx, id, key, &code, "", index, NOW)
        };
        self.store.write(enrol).unwrap();
    }

    /// A log of two records from 08:00 to 12:00 on a day of March 2026.
    fn log(&self, device: &str, counter: i64, day: u32, closed: bool) {
        let log = log(day, closed);
        let sql = "INSERT INTO session (device, counter, log, seal, sealed, final, class, session, came_ms)
                   VALUES (?, ?, ?, '', 0, 0, 'c1', '1', ?)";
        self.write(sql, params![device, counter, log, came(day)]);
    }

    fn final_log(&self, device: &str, counter: i64, day: u32) {
        self.log(device, counter, day, true);
        let ends = sessions::ends(&log(day, true)).unwrap();
        let sql = "UPDATE session SET final = 1, open_ms = ?, close_ms = ?, received = ?, log_index = counter
                   WHERE device = ? AND counter = ?";
        let received = format!("2026-03-{day:02}T13:00:00+08:00");
        self.write(sql, params![ends.open_ms, ends.close_ms, received, device, counter]);
    }

    fn contact(&self, device: &str, counter: u64, received: &str) {
        let (id, note, received) = (device.to_owned(), String::new(), received.to_owned());
        let leaf = Leaf::Contact(ContactLeaf { device: id, counter, note, received });
        let put = |tx: &rusqlite::Transaction<'_>| {
            let index = checkpoints::append(tx, &[leaf.line()])?;
            crate::store::witness::put_contact(tx, device, counter, "", 0, index)
        };
        self.store.write(put).unwrap();
    }
}

fn came(day: u32) -> i64 {
    ms(&format!("2026-03-{day:02}T12:30:00+08:00"))
}

fn log(day: u32, closed: bool) -> Vec<u8> {
    let record = |seq, hour: &str, body| {
        let wall = format!("2026-03-{day:02}T{hour}:00:00.000+08:00");
        let stamp = Stamp { wall, boot: "0".repeat(32), up_ms: 0, salt: [0; 16] };
        [Record { seq, stamp, body }.line(), b"\n".to_vec()].concat()
    };
    let open = Open { counter: 1, assignment: "0".repeat(64), ..Open::default() };
    let open = Open { device: "d1".into(), key: "0".repeat(64), site: "s1".into(), ..open };
    let open = Open { class: "c1".into(), session: "1".into(), policy: "p1".into(), ..open };
    let close = Body::Close(Close { reason: "schedule".into(), ..Close::default() });
    let last = if closed { record(1, "12", close) } else { Vec::new() };
    [record(0, "08", Body::Open(Box::new(open))), last].concat()
}

fn text(row: &Row) -> Vec<String> {
    let one = |value: &Val| match value {
        Val::Int(n) => n.to_string(),
        Val::Text(t) => t.clone(),
        Val::Bool(b) => b.to_string(),
        Val::Null => "-".to_owned(),
    };
    row.iter().map(one).collect()
}

fn lines(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| text(row).join(" ")).collect()
}

#[test]
fn every_table_that_no_log_makes_is_there_with_its_own_columns() {
    let bureau = Bureau::new();
    bureau.device("d1", 1);
    bureau.final_log("d1", 1, 9);
    bureau.take(What::Rosters, &format!("class,name,id_number\nc1,x,{}\n", checked(TRAINEE)));
    let rows = bureau.all(None);
    let want: BTreeSet<&str> = ALL
        .into_iter()
        .filter(|table| matches!(table.source, Source::Store | Source::Import))
        .map(|table| table.name)
        .collect();
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), want);
    for table in ALL.into_iter().filter(|table| want.contains(table.name)) {
        // The engine takes no row of another width, and takes a value of another type for nothing.
        table.batch(&rows[table.name]).unwrap();
        for (i, (column, kind)) in table.columns.iter().enumerate() {
            for row in &rows[table.name] {
                let fits = match &row[i] {
                    Val::Null => true,
                    Val::Int(_) => *kind == Type::Int,
                    Val::Bool(_) => *kind == Type::Bool,
                    Val::Text(_) => matches!(kind, Type::Text | Type::Key),
                };
                assert!(fits, "{}.{column}", table.name);
            }
        }
    }
    assert_eq!(lines(&rows["run"]), [format!("{} {}", ms(NOW), bureau.store.read(head).unwrap())]);
}

fn head(conn: &Connection) -> Result<u64, StoreError> {
    Ok(checkpoints::head(conn)?.unwrap().edge.size())
}

#[test]
fn classes_say_what_was_planned_and_what_their_programme_allows() {
    let bureau = Bureau::new();
    bureau.take(What::table("programmes").unwrap(), "policy,size_cap,yearly_limit\np1,50,\nother,1,1\n");
    bureau.take(
        What::Schedules,
        "class,session,lesson,start,end,room\nc1,1,l1,2026-03-12 23:30,2026-03-13 00:15,201\nc1,1,l2,2026-03-13 00:15,2026-03-13 01:00,\n",
    );
    let (one, two) = (checked(TRAINEE), checked("99999919900101009"));
    let head = "class,role,name,id_number,phone\n";
    let roster = format!("{head}c1,,x,{one},138\nc1,,y,{two},\nc1,instructor,z,{},\n", checked(TEACHER));
    bureau.take(What::Rosters, &roster);
    bureau.take(What::Rosters, &format!("{head}c1,,x,{one},139\n"));
    bureau.take(What::Claims, &format!("class,id_number,hours,amount,payee\nc1,{one},2,40,6222\n"));
    let rows = bureau.all(None);
    let (opens, ends) = (ms("2026-03-12T23:30:00+08:00"), ms("2026-03-13T01:00:00+08:00"));
    let day = (ms("2026-03-12T00:00:00Z")) / 86_400_000;
    assert_eq!(
        lines(&rows["classes"]),
        [
            format!("c1 hq s1 150422 电工 五级 evening 2 6 lump 800 50 - 1 1 2 {opens} {ends} {day} {}", day + 1),
            "c2 hq s1 150422 - - - 2 6 lump 800 50 - 0 0 0 - - - -".to_owned(),
        ]
    );
    let claim = text(&rows["claims"][0]);
    assert_eq!(claim[..6].join(" ").split_once(" hq ").unwrap().1, "150422 2 4000");
    assert_eq!((claim[9].clone(), claim[14].len()), (ms(NOW).to_string(), 64));
    assert_eq!(claim[15..].join(" "), "- - -");
    let people: Vec<Vec<String>> = rows["roster"].iter().map(text).collect();
    assert_eq!(people.len(), 2);
    assert!(people.iter().all(|p| p[5] == ms(NOW).to_string()));
    assert_eq!(people.iter().filter(|p| p[6] == "-" && p[8].len() == 64).count(), 1, "one is still on the roster");
    assert_eq!(rows["teachers"].len(), 1);
    assert_eq!(text(&rows["schedule"][0])[8..].join(" "), "201 - -");
    // Of one class alone, and of none.
    let only = bureau.all(Some(&["c2"]));
    let sizes = ["classes", "claims", "roster", "teachers", "schedule", "programmes"].map(|name| only[name].len());
    assert_eq!(sizes, [1, 0, 0, 0, 0, 2]);
}

#[test]
fn signs_of_life_and_what_is_missing_between_them() {
    let bureau = Bureau::new();
    bureau.device("d1", 1);
    bureau.device("d2", 2);
    bureau.final_log("d1", 1, 2);
    bureau.contact("d1", 2, "2026-03-03T09:00:00+08:00");
    bureau.final_log("d1", 5, 6);
    // Whole, but nothing came for 6: it waits. 8 still grows and says nothing.
    bureau.log("d1", 7, 8, true);
    bureau.log("d1", 9, 9, false);
    bureau.log("d2", 1, 9, false);
    let rows = bureau.all(None);
    let at = |text: &str| ms(&format!("2026-03-{text}:00:00+08:00"));
    assert_eq!(
        lines(&rows["contacts"]),
        [
            format!("d1 1 {} {} {}", at("02T13"), at("02T08"), at("02T12")),
            format!("d1 2 {} - -", at("03T09")),
            format!("d1 5 {} {} {}", at("06T13"), at("06T08"), at("06T12")),
        ]
    );
    assert_eq!(
        lines(&rows["gaps"]),
        [
            format!("d1 3 4 {} {} {}", at("02T12"), at("06T08"), at("06T13")),
            format!("d1 6 6 {} {} {}", at("06T12"), at("08T08"), came(8)),
        ]
    );
    // Nobody cosigns here: no bracket, but how late each log came.
    assert_eq!(lines(&rows["brackets"]), ["d1 1 - - 3600", "d1 5 - - 3600"]);
    assert_eq!(bureau.all(Some(&["c2"]))["brackets"].len(), 0);
    assert_eq!(rows["devices"].len(), 2);
}

#[test]
fn decisions_in_muster_and_elsewhere_stand_side_by_side() {
    let bureau = Bureau::new();
    bureau.write("INSERT INTO run (at, rules_sha256, log_size, refused) VALUES ('', '', 3, '[]')", []);
    bureau.finding("r/c1/-", (1, None), "", 0);
    let decision = decided::Disposition {
        finding: "r/c1/-".into(),
        decision: "dismiss".into(),
        by: "o-7".into(),
        reason: "已核实".into(),
        salt: "00".into(),
        at: NOW.into(),
        log_index: 5,
    };
    bureau.store.write(|tx| decided::put(tx, &decision)).unwrap();
    bureau.take(
        What::Decisions,
        "kind,subject,official,action,at,reason\nclass,c1,o-8,approve,2026-03-11 09:00,已核实\n",
    );
    let rows: Vec<Vec<String>> = bureau.all(None)["dispositions"].iter().map(text).collect();
    let columns = |row: &[String], at: &[usize]| at.iter().map(|i| row[*i].as_str()).collect::<Vec<_>>().join(" ");
    let most = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14];
    assert_eq!(columns(&rows[0], &most), format!("finding r/c1/- c1 hq o-7 - - dismiss - {} - - - 5", ms(NOW)));
    let at = ms("2026-03-11T09:00:00+08:00");
    assert_eq!(columns(&rows[1], &most), format!("class c1 c1 hq o-8 - - approve - {at} - - - -"));
    assert!(rows[0][8].len() == 64 && rows[0][8] == rows[1][8], "the same words");
}

#[test]
fn a_finding_is_as_old_as_the_unbroken_series_that_had_it_last() {
    let bureau = Bureau::new();
    for run in 1..=5 {
        let at = format!("2026-03-0{run}T09:00:00+08:00");
        bureau.write(
            "INSERT INTO run (at, rules_sha256, log_size, refused) VALUES (?, '', ?, '[]')",
            params![at, run * 10],
        );
    }
    // `a` went away after the first run and came back in the third; `b` is gone since the fourth.
    for (finding, stood, fen) in [
        ("r/c1/a", (1, Some(2)), 100),
        ("r/c1/a", (3, Some(4)), 300),
        ("r/c1/a", (4, None), 500),
        ("r/c1/b", (1, Some(2)), 100),
        ("r/c1/b", (2, Some(4)), 300),
    ] {
        bureau.finding(finding, stood, if finding == "r/c1/a" { "t1" } else { "" }, fen);
    }
    let since = |run: i64| format!("{} {}", run * 10, ms(&format!("2026-03-0{run}T09:00:00+08:00")));
    assert_eq!(
        lines(&bureau.all(None)["found"]),
        [
            format!("r/c1/a r strong true c1 hq 150422 t1 500 {} -", since(3)),
            format!("r/c1/b r strong true c1 hq 150422  300 {} 40", since(1)),
        ]
    );
    assert_eq!(bureau.all(Some(&["c2"]))["found"].len(), 0);
}

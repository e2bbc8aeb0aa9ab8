use super::*;
use crate::store::claims::policies;

const NOW: &str = "2026-03-10T12:00:00.000+08:00";
const POLICY: &str = "version = \"p1\"\nclass_hour_s = 2700\nshare_permille = 800\ndaily_cap = 8\nlevel = 2\nmanual = true\n\
                      pay_mode = \"per_hour\"\nrate_permille = 800\n";
/// Numbers of nobody: the district of these does not exist.
const NUMBERS: [&str; 3] = ["99999919900101001", "99999919900101002", "99999919900101003"];

struct Bureau {
    store: Store,
    _dir: tempfile::TempDir,
}

impl Bureau {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bureau = Self { store: Store::open(dir.path(), Some("muster.example")).unwrap(), _dir: dir };
        bureau.take(What::Institutions, "institution,name,region\nhq,x,150422\n");
        bureau.take(What::Sites, "site,institution,region,name\ns1,hq,150422,x\n");
        bureau.take(What::Policy, POLICY);
        bureau.take(What::Classes, "class,institution,site,title,policy\nc1,hq,s1,x,p1\nc2,hq,s1,x,p1\n");
        bureau
    }

    fn import(&self, what: What, text: &str) -> Result<Taken, ImportError> {
        import(&self.store, what, "张三的名单.csv", text.as_bytes(), NOW)
    }

    fn take(&self, what: What, text: &str) -> Taken {
        self.import(what, text).unwrap_or_else(|e| panic!("{e}"))
    }

    fn refused(&self, what: What, text: &str) -> String {
        self.import(what, text).unwrap_err().to_string()
    }

    fn list(&self, sql: &str) -> Vec<String> {
        self.store
            .read(|conn| {
                let mut get = conn.prepare(sql)?;
                let rows = get.query_map([], |row| row.get(0))?;
                Ok::<_, StoreError>(rows.collect::<Result<_, _>>()?)
            })
            .unwrap()
    }

    /// Says that a device sealed a record of a session.
    fn held(&self, class: &str, session: &str) {
        let sql = "INSERT INTO session (device, counter, log, seal, sealed, final, class, session)
                   VALUES ('d', 1, x'', '', 1, 0, ?, ?)";
        let off = "PRAGMA defer_foreign_keys = ON";
        self.store
            .write(|tx| {
                tx.execute_batch(off)?;
                tx.execute(
                    "INSERT INTO device (device, key, site, enrolled, log_index) VALUES ('d', 'k', 's1', '', 0)",
                    [],
                )?;
                tx.execute(sql, [class, session])?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}

fn number(i: usize) -> String {
    checked(NUMBERS[i])
}

/// A number with a right check digit that is none of the trainees'.
fn teacher() -> String {
    checked("99999919800101001")
}

/// With its check digit, by ISO 7064 MOD 11-2.
fn checked(digits: &str) -> String {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.chars().zip(weights).map(|(c, w)| c.to_digit(10).unwrap() * w).sum();
    format!("{digits}{}", "10X98765432".chars().nth((sum % 11) as usize).unwrap())
}

fn rosters(bureau: &Bureau) {
    let rows: String = (0..3).map(|i| format!("c1,x,{0}\nc2,x,{0}\n", number(i))).collect();
    bureau.take(What::Rosters, &format!("class,name,id_number\n{rows}"));
}

#[test]
fn what_is_imported_last_is_what_is_asked_to_be_paid() {
    let bureau = Bureau::new();
    rosters(&bureau);
    let head = "class,id_number,hours,amount\n";
    let a = format!("{head}c1,{},4,80\nc1,{},4,80\nc2,{},2,40\n", number(0), number(1), number(0));
    let b = format!("{head}c1,{},6,120\n", number(2));
    let claims = "SELECT class || ' ' || hours FROM claim ORDER BY class, hours, trainee";
    assert!(!bureau.take(What::Claims, &a).again);
    assert!(bureau.take(What::Claims, &a).again, "the same file twice");
    // A file is the whole of the classes that it names, and leaves the others.
    bureau.take(What::Claims, &b);
    assert_eq!(bureau.list(claims), ["c1 6", "c2 2"]);
    assert!(!bureau.take(What::Claims, &a).again, "another file had taken its place");
    assert_eq!(bureau.list(claims), ["c1 4", "c1 4", "c2 2"]);
    // Half of a refused file takes nothing away.
    bureau.refused(What::Claims, &format!("{b}c1,{},x,1\n", number(0)));
    assert_eq!(bureau.list(claims), ["c1 4", "c1 4", "c2 2"]);
}

#[test]
fn claims_for_no_hours_or_for_more_than_there_are_days_are_refused() {
    let bureau = Bureau::new();
    rosters(&bureau);
    let claim =
        |hours: &str, amount: &str| format!("class,id_number,hours,amount\nc1,{},{hours},{amount}\n", number(0));
    let said = bureau.refused(What::Claims, &claim("0", "3000"));
    assert!(said.contains("line 2, hours: an amount for no hours"), "{said}");
    let said = bureau.refused(What::Claims, &claim("4000000000", "3000"));
    assert!(said.contains("line 2, hours: at most 100 class hours"), "{said}");
    bureau.take(What::Schedules, "class,session,lesson,start,end\nc1,1,l1,2026-03-12 08:00,2026-03-12 08:45\n");
    bureau.take(What::Claims, &claim("101", "3000"));
    assert!(bureau.refused(What::Claims, &claim("102", "3000")).contains("at most 101 class hours"));
}

#[test]
fn a_schedule_is_the_whole_of_what_is_to_come_and_what_was_held_stays() {
    let bureau = Bureau::new();
    let head = "class,session,lesson,start,end\n";
    let lessons = || bureau.list("SELECT lesson || ' ' || start FROM lesson WHERE class = 'c1' ORDER BY lesson");
    let held = "c1,1,l1,2026-03-09 08:00,2026-03-09 08:45\n";
    let missed = "c1,2,l2,2026-03-09 14:00,2026-03-09 14:45\n";
    bureau.take(
        What::Schedules,
        &format!(
            "{head}{held}{missed}c1,3,l3,2026-03-12 08:00,2026-03-12 08:45\nc2,1,l1,2026-03-12 08:00,2026-03-12 08:45\n"
        ),
    );
    bureau.held("c1", "1");
    bureau.take(What::Schedules, &format!("{head}c1,4,l4,2026-03-13 08:00,2026-03-13 08:45\n"));
    let names: Vec<String> = lessons().iter().map(|l| l[..2].to_owned()).collect();
    // l3 was still to come and is gone; l2 was never held, and no new file makes it never planned.
    assert_eq!(names, ["l1", "l2", "l4"]);
    assert_eq!(bureau.list("SELECT lesson FROM lesson WHERE class = 'c2'"), ["l1"]);
    // The same row of a session that was held may stand in the file, another may not.
    bureau.take(What::Schedules, &format!("{head}{held}"));
    assert_eq!(lessons().len(), 2);
    let said = bureau.refused(What::Schedules, &format!("{head}c1,1,l1,2026-03-12 08:00,2026-03-12 08:45\n"));
    assert!(said.contains("line 2, lesson: its session was held already"), "{said}");
    let said = bureau.refused(What::Schedules, &format!("{head}c1,1,l9,2026-03-12 08:00,2026-03-12 08:45\n"));
    assert!(said.contains("line 2, session: the session was held already"), "{said}");
    // What was missed may be made up for.
    bureau.take(What::Schedules, &format!("{head}c1,2,l2,2026-03-14 14:00,2026-03-14 14:45\n"));
    assert!(lessons()[1].contains("2026-03-14"), "{:?}", lessons());
}

#[test]
fn who_is_no_longer_named_leaves_the_roster_and_who_is_named_again_comes_back() {
    let bureau = Bureau::new();
    rosters(&bureau);
    bureau.take(What::Rosters, &format!("class,role,name,id_number\nc1,instructor,t,{}\n", teacher()));
    let on =
        || bureau.list("SELECT class || ' ' || instructor FROM roster WHERE removed_ms IS NULL ORDER BY class, id");
    // A file with the instructors alone leaves the trainees.
    assert_eq!(on().iter().filter(|r| *r == "c1 0").count(), 3);
    bureau.take(What::Rosters, &format!("class,name,id_number\nc1,x,{}\n", number(0)));
    assert_eq!((on().iter().filter(|r| *r == "c1 0").count(), on().iter().filter(|r| *r == "c2 0").count()), (1, 3));
    assert!(on().contains(&"c1 1".to_owned()), "a file with the trainees alone leaves the instructors");
    // The rows are kept for what was held, and claims for it can still be taken.
    assert_eq!(bureau.list("SELECT count(*) || '' FROM roster WHERE class = 'c1' AND instructor = 0"), ["3"]);
    bureau.take(What::Claims, &format!("class,id_number,hours,amount\nc1,{},4,80\n", number(2)));
    bureau.take(What::Rosters, &format!("class,name,id_number\nc1,x,{}\nc1,x,{}\n", number(0), number(2)));
    assert_eq!(on().iter().filter(|r| *r == "c1 0").count(), 2);
    assert_eq!(bureau.list("SELECT count(*) || '' FROM roster WHERE removed_ms < 0"), ["0"]);
}

#[test]
fn the_calendar_is_taken_in_the_words_of_an_official() {
    let bureau = Bureau::new();
    let text =
        "地区,起,止,原因\n1504,2026/3/9 8:00,2026/3/9 18:00,停电\n150422,2026-03-10 00:00,2026-03-11 00:00,weather\n";
    assert_eq!(bureau.take(What::Calendar, text).rows, 2);
    bureau.take(What::Calendar, &text.replace("停电", "断网"));
    assert_eq!(
        bureau.list("SELECT region || ' ' || why FROM calendar ORDER BY region"),
        ["1504 network", "150422 weather"]
    );
    let said = bureau.refused(What::Calendar, "region,from,to,why\n1504,2026-03-09 08:00,2026-03-09 07:00,power\n");
    assert!(said.contains("line 2, to: ends before it begins"), "{said}");
    let said = bureau.refused(What::Calendar, "region,from,to,why\n1504,2026-03-09,2026-03-10,秘密\n");
    assert!(said.contains("line 2, from: a day without a time of day") && !said.contains("秘密"), "{said}");
}

#[test]
fn neither_an_error_nor_the_public_log_repeats_what_stands_in_a_file_or_its_name() {
    let bureau = Bureau::new();
    rosters(&bureau);
    let secret = "李四4711";
    for (what, text) in [
        (What::Policy, POLICY.replace("\"per_hour\"", &format!("\"{secret}\""))),
        (What::Policy, POLICY.replace("2700", &format!("\"{secret}\""))),
        (What::Policy, format!("{POLICY}{secret} = 1\n")),
        (What::Policy, POLICY.replace("2700", "2701")),
        (What::Rosters, "class,name,id_number\nlisi4711,x,1\n".to_owned()),
        (What::Sites, format!("site,institution,region,name\ns9,lisi4711,{secret},x\n")),
        (What::Schedules, "class,session,lesson,start,end\nc1,1,lisi4711,2026-03-12 08:00,2026-03-12 09:00\nc1,1,b,2026-03-12 08:30,2026-03-12 09:30\n".to_owned()),
    ] {
        let said = bureau.refused(what, &text);
        assert!(!said.contains(secret) && !said.contains("lisi4711") && !said.contains("p1"), "{said}");
        assert!(said.contains("line "), "{said}");
    }
    let said = bureau.refused(What::Policy, &POLICY.replace("daily_cap = 8\n", ""));
    assert!(said.contains("daily_cap"), "{said}");
    let leaves = bureau.list("SELECT CAST(line AS TEXT) FROM leaf");
    assert!(leaves.len() >= 5);
    assert!(leaves.iter().all(|line| !line.contains("张三") && !line.contains(".csv")), "{leaves:?}");
}

#[test]
fn the_very_same_policy_is_taken_twice_and_one_of_before_a_field_is_the_same() {
    let bureau = Bureau::new();
    bureau.take(What::Policy, POLICY);
    bureau.take(What::Policy, &format!("{POLICY}power_gap_s = 600\n"));
    assert!(bureau.refused(What::Policy, &format!("{POLICY}power_gap_s = 60\n")).contains("another version"));
    assert_eq!(bureau.store.read(policies).unwrap().len(), 1);
}

mod columns;
mod whole;

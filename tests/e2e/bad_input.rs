//! Bad input meets a clear error that names the place, and nothing of it is taken.

use std::path::Path;
use std::process::Command;

use muster_tests::bureau::{Bureau, program};
use muster_tests::card::Person;
use muster_tests::story;

fn import(bureau: &Bureau, what: &str, bytes: &[u8]) -> (bool, String) {
    let file = bureau.data.with_extension("bad.csv");
    std::fs::write(&file, bytes).unwrap();
    let out = Command::new(program("muster-server").unwrap())
        .args(["import", what])
        .arg(&file)
        .arg("--data")
        .arg(&bureau.data)
        .output()
        .unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout))
}

fn claims(data: &Path) -> i64 {
    let db = rusqlite::Connection::open(data.join("muster.sqlite")).unwrap();
    db.query_row("SELECT count(*) FROM claim", [], |r| r.get(0)).unwrap()
}

#[test]
fn files_with_errors_are_refused_by_line_and_column_and_whole() {
    let dir = story::folder("bad-input").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    bureau.import("classes", "class,institution,site,title,policy\nc1,hq,s1,班,compressed-1\n").unwrap();
    let (a, b) = (Person::made_up(1), Person::made_up(2));
    let refused = |what: &str, text: &str, says: &[&str]| {
        let (good, said) = import(&bureau, what, text.as_bytes());
        assert!(!good, "{text} was taken");
        for part in says {
            assert!(said.contains(part), "{part:?} is not in: {said}");
        }
        assert!(!said.contains(&a.number) && !said.contains(&a.name), "an error repeats what is in a cell: {said}");
    };
    let schedule = "class,session,lesson,start,end\n";
    refused(
        "schedules",
        &format!("{schedule}c1,1,l1,2026-02-30 08:00,2026-03-02 08:45\n"),
        &["line 2, start", "no time that exists"],
    );
    refused("schedules", &format!("{schedule}c1,1,l1,2026-03-02 09:00,2026-03-02 08:45\n"), &["line 2, end"]);
    let two = "c1,1,l1,2026-03-02 08:00,2026-03-02 08:45\nc1,1,l2,2026-03-02 08:30,2026-03-02 09:15\n";
    refused("schedules", &format!("{schedule}{two}"), &["line 3, start", "overlap"]);
    refused(
        "schedules",
        "class,session,lesson,begin,end\n",
        &["column 4 is not known", "the column start 开始 is missing"],
    );
    let roster = "class,name,id_number\n";
    let twice = format!("{roster}c1,{0},{1}\nc1,{0},{1}\n", a.name, a.number);
    refused("rosters", &twice, &["line 3", "stands in line 2 too"]);
    let wrong = format!("{}0", &a.number[..17]);
    let wrong = if wrong == a.number { format!("{}1", &a.number[..17]) } else { wrong };
    refused("rosters", &format!("{roster}c1,x,{wrong}\n"), &["line 2, id_number", "check digit"]);
    refused("rosters", &format!("{roster}c9,x,{}\n", a.number), &["line 2, class", "there is no such class"]);
    refused("rosters", &format!("{roster}c1,x\n"), &["line 2", "2 cells and the header 3"]);

    // Excel in China writes GB 18030: taken.
    let text = format!("班期,姓名,公民身份号码\nc1,{},{}\nc1,{},{}\n", a.name, a.number, b.name, b.number);
    let bytes = gb18030(&text);
    let (good, said) = import(&bureau, "rosters", &bytes);
    assert!(good, "{said}");
    refused("rosters", "class,name,id_number\nc1,\u{fffd}", &["line 2"]);
    let (good, said) = import(&bureau, "rosters", b"class,name,id_number\nc1,\xff\xff\xff,1\n");
    assert!(!good && said.contains("neither UTF-8 nor GB 18030"), "{said}");

    let head = "class,id_number,hours,amount\n";
    refused("claims", &format!("{head}c1,{},4,80.00\nc1,{},4,80.005\n", a.number, b.number), &["line 3, amount"]);
    assert_eq!(claims(&bureau.data), 0, "half of a refused file was taken");
    refused("claims", &format!("{head}c1,{0},4,80\nc1,{0},4,80\n", a.number), &["line 3", "stands in line 2 too"]);
    refused(
        "claims",
        &format!("{head}c1,{},4,80\n", Person::made_up(3).number),
        &["line 2, id_number", "on the roster"],
    );
    assert_eq!(claims(&bureau.data), 0);
    refused("claims", &format!("{head}c1,{},0,80\n", a.number), &["line 2, hours", "an amount for no hours"]);
    refused("claims", &format!("{head}c1,{},3000,80\n", a.number), &["line 2, hours", "at most 100 class hours"]);
    refused(
        "calendar",
        "region,from,to,why\n1504,2026-03-02,2026-03-03,power\n",
        &["line 2, from", "a day without a time"],
    );
    let (good, said) = import(
        &bureau,
        "calendar",
        gb18030("地区,起,止,原因\n1504,2026/3/2 8:00,2026/3/2 18:00,停电\n,,,\n").as_slice(),
    );
    assert!(good && said.contains("1 行"), "{said}");
    let (good, said) = import(&bureau, "claims", format!("{head}c1,{},4,\"1,280.5\"\n", a.number).as_bytes());
    assert!(good && claims(&bureau.data) == 1, "{said}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// GB 18030 by `iconv`, which is not the code under test.
fn gb18030(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut iconv = Command::new("iconv")
        .args(["-f", "UTF-8", "-t", "GB18030"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    iconv.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    iconv.wait_with_output().unwrap().stdout
}

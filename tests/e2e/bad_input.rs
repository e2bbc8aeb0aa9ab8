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

/// An analyst's rule over a table that is imported as it is.
const OWNERS: &str = "-- id: owner-on-roster
-- grade: weak
-- family: recruitment
-- title_zh: 机构股东在册
-- title_en: An owner on the roster
-- explain_zh: 名册上有机构的股东。
-- explain_en: An owner of the institution is on the roster.
-- innocent_zh: 股东也可以参训。
-- innocent_en: An owner may be trained, too.
-- next_zh: 请核对。
-- next_en: Look it up.
-- basis: 人社部发〔2021〕79号
-- needs: owners
SELECT r.class AS class, r.trainee AS subject, r.trainee AS trainee, 0 AS cell, o.kind AS kind, '' AS lesson, true AS suspect,
       '' AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to
FROM roster r JOIN classes c ON c.class = r.class
JOIN owners o ON o.institution = c.institution AND o.identity = r.person AND o.kind = 'owner'
";

#[test]
fn a_whole_table_comes_in_by_command_or_over_http_and_a_rule_reads_it() {
    let dir = story::folder("whole-table").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let (a, b) = (Person::made_up(1), Person::made_up(2));
    bureau.import("classes", "class,institution,site,title,policy,kind\nc1,hq,s1,班,compressed-1,夜班\n").unwrap();
    bureau.import("rosters", &format!("class,name,id_number\nc1,x,{}\nc1,y,{}\n", a.number, b.number)).unwrap();
    bureau.import("claims", &format!("class,id_number,hours,amount\nc1,{},1,20\n", a.number)).unwrap();
    let file = bureau.data.with_extension("owners.csv");
    let path = file.to_str().unwrap();
    std::fs::write(&file, gb18030(&format!("机构代码,类别,标识\nhq,股东,{}\nhq,电话,0476-8331234\n", a.number)))
        .unwrap();
    let said = bureau.cli(&["import", "table", "owners", path]).unwrap();
    assert!(said.contains("table: 2 行"), "{said}");
    for (args, says) in [
        (&["import", "table", "nothing", path][..], "there is no such table; these are: programmes, sites"),
        (&["import", "table", path], "after `table` come the table's name and the file"),
        (&["import", "claims", "owners", path], "`import claims` takes one file"),
        (&["import", "everything", path], "decisions, table"),
    ] {
        let error = format!("{:#}", bureau.cli(args).unwrap_err());
        assert!(error.contains(says), "{error}");
    }
    std::fs::create_dir_all(bureau.data.join("rules")).unwrap();
    std::fs::write(bureau.data.join("rules/owner-on-roster.sql"), OWNERS).unwrap();
    let found = |on: &str| {
        let all = bureau.reconcile().unwrap();
        let all = all["findings"].as_array().unwrap().clone();
        all.iter().filter(|f| f["rule"] == "owner-on-roster" && f["finding"].as_str().unwrap().contains(on)).count()
    };
    assert_eq!(found("/c1/"), 1, "the owner is on the roster");

    // The same over HTTP takes the place of it, and what is wrong is said by line and column.
    let post = |what: &str, text: String| {
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        let url = format!("{}/api/v1/import/{what}", bureau.pages.trim_end_matches('/'));
        let mut answer = agent.post(url).send(text.as_bytes()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    let head = "institution,kind,identity\n";
    assert_eq!(post("table/nothing", head.to_owned()).0, 404);
    assert_eq!(post("table", head.to_owned()).0, 404);
    let (status, said) = post("table/owners", format!("{head}hq,neighbour,{}\n", b.number));
    assert!(status == 400 && said.contains("line 2, kind: none of owner 股东") && !said.contains(&b.number), "{said}");
    assert_eq!(found("/c1/"), 1, "half of a refused file was taken");
    let (status, said) = post("table/owners", format!("{head}hq,phone,0476-8331234\n"));
    assert!(status == 200 && said.contains("\"rows\":1"), "{said}");
    let decision = "kind,subject,official,action,at\nclass,c1,o-7,approve,2026-03-01 09:00\n";
    assert_eq!(post("decisions", decision.to_owned()).0, 200);
    assert_eq!(found("/c1/"), 0, "nobody on the roster owns it any more");
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

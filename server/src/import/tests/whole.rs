//! Files that are whole tables, and decisions: an example of each.

use super::*;

/// A file for each table, as an official would write it.
fn examples() -> Vec<(&'static str, String)> {
    let person = number(0);
    vec![
        ("programmes", "政策,班额上限,年度次数上限\np1,50,3\np2,,\n".to_owned()),
        ("sites", "培训点,纬度,经度,网络\ns1,42936600,118930800,城镇\ns2,,,pastoral\n".to_owned()),
        ("rooms", "institution,site,room,seats\nhq,s1,201,40\nhq,s1,202 实训室,20\n".to_owned()),
        (
            "licences",
            "机构代码,培训点,职业,等级,起,止\nhq,,电工,,2026/1/1 0:00,\nhq,s1,焊工,五级,2026/1/1 0:00,2026/12/31 23:59\n"
                .to_owned(),
        ),
        ("payments", format!("公民身份号码,职业,等级,时间,机构代码\n{person},电工,五级,2025/6/1 9:00,other\n")),
        (
            "registers",
            format!(
                "person,what,category,holds,from,to,answered\n{person},pension,,yes,2020-01-01T00:00:00+08:00,,2026-03-01T09:00:00+08:00\n\
                 {person},人员类别,脱贫户,否,,,2026/3/1 9:00\n"
            ),
        ),
        (
            "permits",
            "what,class,trainee,lesson,to_class,site,from,to,granted,by\nswap,c1,,l1,c2,s1,2026/3/9 8:00,2026/3/9 18:00,2026/3/8 10:00,o-7\n"
                .to_owned(),
        ),
        (
            "inspections",
            "培训点,班期,课次,时间,通知时间,检查人,人数,属实\ns1,c1,1,2026/3/9 10:00,,o-8,17,是\ns1,,,2026/3/10 10:00,2026/3/9 17:00,o-8,,\n"
                .to_owned(),
        ),
        ("positions", "device,counter,metres\nd1,1,12\n".to_owned()),
        ("owners", format!("institution,kind,identity\nhq,股东,{person}\nhq,phone,0476-8331234\n")),
        ("declared", format!("official,kind,identity\no-7,relative,{person}\n")),
        ("duties", "经办人,机构代码,起,止\no-7,hq,2026/1/1 0:00,\n".to_owned()),
        ("hours_of_work", "unit,weekday,from_s,to_s\n就业科,1,32400,43200\n就业科,1,52200,64800\n".to_owned()),
    ]
}

fn bureau() -> Bureau {
    let bureau = Bureau::new();
    let put = "INSERT INTO device (device, key, site, enrolled, log_index) VALUES ('d1', 'k1', 's1', '', 0)";
    bureau.store.write(|tx| tx.execute(put, []).map_err(StoreError::from)).unwrap();
    bureau
}

fn table(name: &str) -> What {
    What::table(name).unwrap()
}

#[test]
fn an_example_of_every_table_is_taken_in_both_encodings_and_leaves_its_hash() {
    let bureau = bureau();
    assert_eq!(examples().len(), tables::FILES.len());
    for (name, text) in examples() {
        let rows = text.lines().count() - 1;
        let utf8 = bureau.take(table(name), &text);
        assert_eq!(utf8.rows, rows, "{name}");
        let kept = || bureau.list(&format!("SELECT row FROM imported WHERE name = '{name}' ORDER BY line"));
        let first = kept();
        let (bytes, _, lost) = encoding_rs::GB18030.encode(&text);
        assert!(!lost);
        let again = import(&bureau.store, table(name), "表.csv", &bytes, NOW).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((again.rows, kept()), (rows, first), "{name}");
        assert!(kept().iter().all(|row| !row.contains(&number(0)) && !row.contains("8331234")), "{name}");
        let leaf = format!("SELECT CAST(line AS TEXT) FROM leaf WHERE idx = {}", utf8.log_index);
        let leaf = bureau.list(&leaf).remove(0);
        let hash = hex::encode(sha256(text.as_bytes()));
        let said = |part: &str| leaf.contains(part);
        assert!(said(&hash) && said("\"what\":\"table\"") && said(&format!("\"name\":\"{name}\"")), "{leaf}");
    }
    // One identity has one hash, whichever table it stands in.
    let find = |name: &str, key: &str, n: usize| {
        let sql = format!(
            "SELECT json_extract(row, '$.{key}') FROM imported WHERE name = '{name}' ORDER BY line LIMIT 1 OFFSET {n}"
        );
        bureau.list(&sql).remove(0)
    };
    rosters(&bureau);
    let person = find("payments", "person", 0);
    assert!(bureau.list("SELECT person FROM roster").contains(&person));
    assert_eq!([find("owners", "identity", 0), find("declared", "identity", 0)], [person.clone(), person]);
}

#[test]
fn a_file_is_the_whole_of_its_table_and_half_of_a_refused_one_is_nothing() {
    let bureau = bureau();
    let rooms = || bureau.list("SELECT json_extract(row, '$.room') FROM imported WHERE name = 'rooms' ORDER BY line");
    let head = "institution,site,room,seats\n";
    bureau.take(table("rooms"), &format!("{head}hq,s1,201,40\nhq,s1,202,20\n"));
    let leaves = || bureau.list("SELECT count(*) || '' FROM leaf");
    let before = leaves();
    let said = bureau.refused(table("rooms"), &format!("{head}hq,s1,301,40\nhq,s1,301,40\nhq,s1,302,many\n"));
    assert!(said.contains("张三的名单.csv: line 3: stands in line 2 too"), "{said}");
    assert!(said.contains("line 4, seats: not a whole number from 0 to 1000000") && !said.contains("many"), "{said}");
    assert_eq!((rooms(), leaves()), (vec!["201".to_owned(), "202".to_owned()], before));
    bureau.take(table("rooms"), &format!("{head}hq,s1,301,40\n"));
    assert_eq!(rooms(), ["301"]);
    // A table can be emptied, and the others are left alone.
    bureau.take(table("duties"), "official,institution,from,to\no-7,hq,2026/1/1 0:00,\n");
    bureau.take(table("rooms"), head);
    assert_eq!((rooms().len(), bureau.list("SELECT name FROM imported")), (0, vec!["duties".to_owned()]));
}

#[test]
fn what_does_not_belong_into_a_cell_is_refused_without_being_repeated() {
    let bureau = bureau();
    let secret = "李四4711";
    for (name, text, says) in [
        ("sites", format!("site,lat_e6\ns1,{secret}\n"), "lat_e6: not a whole number from -90000000 to 90000000"),
        ("sites", format!("site,network\ns1,{secret}\n"), "network: none of town 城镇, pastoral 牧区"),
        ("payments", format!("person,occupation,at\n{secret},x,2026/3/1 9:00\n"), "person: no citizen number"),
        ("payments", format!("person,occupation,at\n{},x,{secret}\n", number(0)), "at: no time that exists"),
        ("duties", format!("official,institution,from\n{secret},hq,2026/1/1 0:00\n"), "official: not an id"),
        (
            "duties",
            "official,institution,from,to\no-1,hq,2026/1/2 0:00,2026/1/1 0:00\n".to_owned(),
            "to: ends before it begins",
        ),
        (
            "registers",
            format!("person,what,holds,answered\n{},category,yes,2026/1/2 0:00\n", number(0)),
            "category: the cell is empty: say which category was asked about",
        ),
        (
            "registers",
            format!("person,what,holds,answered\n{},dead,,2026/1/2 0:00\n", number(0)),
            "holds: the cell is empty",
        ),
        ("inspections", "site,at,inspector\nlisi,2026/1/2 0:00,o-1\n".to_owned(), "site: there is no such site"),
        ("positions", "device,counter,metres\nlisi,1,5\n".to_owned(), "device: there is no such device"),
        ("hours_of_work", "unit,weekday,from_s,to_s\nx,8,0,60\n".to_owned(), "weekday: not a whole number from 1 to 7"),
        ("rooms", format!("institution,site,room\nhq,s1,{secret}\n"), "seats: the column seats 座位 is missing"),
        ("rooms", format!("institution,site,room,seats,{secret}\nhq,s1,1,1,1\n"), "column 5 is not known"),
    ] {
        let said = bureau.refused(table(name), &text);
        assert!(said.contains(says) && said.contains("line "), "{name}: {said}");
        assert!(!said.contains(secret) && !said.contains("lisi"), "{said}");
    }
    assert_eq!((What::table("claims"), What::table("nothing")), (None, None));
    assert_eq!(bureau.list("SELECT name FROM imported"), [""; 0]);
}

#[test]
fn decisions_made_elsewhere_add_up_and_the_same_one_is_kept_once() {
    let bureau = bureau();
    let head = "类别,对象,经办人,科室,环节,决定,理由,打开时间,时间,登录标识,复核人,日志大小\n";
    let first = format!("{head}开班,c1,o-7,就业科,审批,同意,材料齐全,2026/3/1 9:00,2026/3/1 9:05,ukey-1,o-9,12\n");
    assert_eq!(bureau.take(What::Decisions, &first).rows, 1);
    bureau.take(What::Decisions, &first.replace("ukey-1", "ukey-2"));
    bureau.take(What::Decisions, "kind,subject,official,action,at\nrelease,batch-3,o-8,release,2026/3/5 9:00\n");
    let list =
        |column: &str| bureau.list(&format!("SELECT coalesce({column}, '-') || '' FROM decision ORDER BY at_ms"));
    assert_eq!(list("subject"), ["c1", "batch-3"]);
    assert_eq!(list("class || ' ' || institution"), ["c1 hq", "-"]);
    assert_eq!(list("kind || ' ' || action"), ["class approve", "release release"]);
    assert_eq!((list("reason")[0].len(), list("sign_in")[0].len()), (64, 64));
    assert_eq!(list("at_ms - opened_ms")[0], "300000");
    for (from, to, says) in [
        ("c1", "c9", "line 2, subject: there is no such class: import it first"),
        ("2026/3/1 9:00", "2026/3/1 9:06", "line 2, opened: opened after it was decided"),
        ("同意", "李四", "line 2, action: none of approve 同意"),
        ("o-7", "李四", "line 2, official: not an id"),
        (",12", ",李四", "line 2, log_size: not a whole number"),
    ] {
        let said = bureau.refused(What::Decisions, &first.replace(from, to));
        assert!(said.contains(says) && !said.contains("李四"), "{said}");
    }
}

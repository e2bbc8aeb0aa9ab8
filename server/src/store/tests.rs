use muster_seal::record::{Body, Close, Open, Record, Stamp};

use super::*;

#[test]
fn what_is_kept_beside_a_log_is_read_from_those_that_were_there_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("muster.sqlite");
    let line = |seq, hour: &str, body| {
        let wall = format!("2026-03-02T{hour}:00:00.000+08:00");
        let stamp = Stamp { wall, boot: "0".repeat(32), up_ms: 0, salt: [0; 16] };
        [Record { seq, stamp, body }.line(), b"\n".to_vec()].concat()
    };
    let id = || "x".to_owned();
    let open = Open { device: id(), site: id(), class: id(), session: id(), counter: 1, ..Open::default() };
    let open = Open { key: "0".repeat(64), assignment: "0".repeat(64), policy: id(), beacon: "b\n".into(), ..open };
    let close = Close { reason: "schedule".into(), ..Close::default() };
    let log = [line(0, "08", Body::Open(Box::new(open))), line(1, "12", Body::Close(close))].concat();
    {
        let conn = Connection::open(&path).unwrap();
        for migration in &MIGRATIONS[..SESSION_TIMES] {
            conn.execute_batch(migration).unwrap();
        }
        conn.pragma_update(None, "user_version", SESSION_TIMES as i64).unwrap();
        let put = "INSERT INTO session (device, counter, log, seal, sealed, final) VALUES ('d', ?, ?, '', 2, 1)";
        conn.pragma_update(None, "foreign_keys", "OFF").unwrap();
        conn.execute(put, params![1, log]).unwrap();
        conn.execute(put, params![2, log]).unwrap();
        conn.execute(put, params![3, b"not a log"]).unwrap();
    }
    let store = Store::open(dir.path(), Some("muster.example")).unwrap();
    let sql = "SELECT s.counter, s.close_ms - s.open_ms, b.note FROM session s LEFT JOIN beacon b USING (beacon)";
    let rows: Vec<(i64, Option<i64>, Option<String>)> = store
        .read(|conn| {
            let mut get = conn.prepare(sql)?;
            let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
            Ok::<_, StoreError>(rows.collect::<Result<_, _>>()?)
        })
        .unwrap();
    let four_hours = Some(4 * 3600 * 1000);
    let beacon = || Some("b\n".to_owned());
    assert_eq!(rows, [(1, four_hours, beacon()), (2, four_hours, beacon()), (3, None, None)]);
}

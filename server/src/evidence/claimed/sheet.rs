//! Decided cells as rows of `claimed_cells`.

use super::{Class, Facts, Mark, Shape, order};
use crate::evidence::sheet::Sheet;

/// Adds the rows of one class: for each claim its hours from 1 on.
pub fn rows(facts: &Facts, class: &Class, marks: &[Mark], to: &mut Sheet) {
    for (row, asked) in class.asked.iter().enumerate() {
        let (mine, logged_mine) = (class.row(marks, row), class.row(&class.logged, row));
        let order = order(mine);
        for n in 0..asked.hours {
            let column = order.get(n as usize).copied();
            let (planned, logged) = (column.map(|i| &class.plan[i]), column.and_then(|i| logged_mine[i]));
            let mark = column.map_or(Mark { shape: Shape::Beyond, reason: "beyond-schedule" }, |i| mine[i]);
            let session = logged.and_then(|l| facts.sessions.get(l.session as usize));
            let met = logged.is_some() || matches!(mark.reason, "not-on-roster" | "moved");
            to.text(&*class.class).text(&*asked.trainee).int(n + 1).int(asked.hours);
            to.text(planned.map(|p| p.lesson.as_str())).text(planned.map(|p| p.session.as_str()));
            to.int(planned.map(|p| p.day)).int(planned.map(|p| p.start)).int(planned.map(|p| p.end));
            to.bool(met && column.is_some()).text(mark.shape.as_str());
            to.text(Some(mark.reason).filter(|r| !r.is_empty())).int(logged.map(|l| i64::from(l.level)));
            to.text(session.map(|s| s.device.as_str())).int(session.map(|s| s.counter));
            let seqs = logged.and_then(|l| l.seqs);
            to.int(seqs.map(|s| i64::from(s.0))).int(seqs.map(|s| i64::from(s.1)));
            to.text(&*asked.person).bool(logged.map(|l| l.manual));
        }
    }
}

//! What the kiosk shows of all this.

use super::Agent;
use crate::kiosk::view::{Coming, Hardware, Phase, Seat, View};

impl Agent {
    pub(super) fn show(&self) {
        let hardware = |part: &'static str, name: &str| Hardware {
            part,
            name: name.to_owned(),
            down: self.down.get(&(part, name.to_owned())).cloned().unwrap_or_default(),
        };
        let report = self.report.clone().unwrap_or_default();
        let now = self.now().ok();
        let refused = self.store.outbox().unwrap_or_default().into_iter().find_map(|item| item.refused);
        let mut view = View {
            enrolled: self.me.is_some(),
            last: self.last.clone(),
            online: self.report.as_ref().map(|r| r.online),
            unsent: self.store.backlog().unwrap_or_default(),
            refused: refused.unwrap_or_default(),
            trouble: report.trouble,
            dropped: report.dropped as u64,
            stale: self.stale.clone().unwrap_or_default(),
            clock_wrong: now.is_some_and(|now| now.wrong_ms.is_some()),
            hardware: self.config.reader.iter().map(|r| hardware("reader", &r.name)).collect(),
            assurance: self.camera.as_ref().map_or("card", |c| c.capability().as_str()).to_owned(),
            ..View::default()
        };
        view.hardware.extend(self.config.camera.iter().map(|c| hardware("camera", &c.name)));
        if let Some(session) = &self.session {
            let a = &session.offer.plan.assignment;
            let here = session.attendance.here();
            view.phase = Phase::Running;
            view.title = session.offer.assigned.title.clone();
            view.class = a.class.clone();
            view.session = a.session.clone();
            view.counter = session.counter();
            view.taught = session.attendance.taught();
            view.needed = u64::from(a.policy.level);
            view.lessons = session.offer.plan.times.clone();
            view.asking = session.desk.asking().map_or("", |ask| ask.as_str());
            let trainees = session.offer.assigned.people.iter().filter(|p| !p.instructor);
            view.seats = trainees
                .map(|p| Seat {
                    id: p.id.clone(),
                    shown: p.shown.clone(),
                    level: here.get(&p.id).map(|h| h.level),
                    declined: p.declined,
                })
                .collect();
        } else if self.choosing {
            view.phase = Phase::Choosing;
        }
        let now_ms = now.and_then(|now| now.best_ms);
        let coming = self.offers.1.iter().find(|offer| now_ms.is_some_and(|now| offer.span().0 > now));
        view.next = coming.map(|offer| Coming { title: offer.assigned.title.clone(), at_ms: offer.span().0 });
        self.kiosk.show(view);
    }
}

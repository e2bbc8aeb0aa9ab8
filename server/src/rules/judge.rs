//! From a run's rows to findings, money and bands. Pure, and linear in the rows but for sorting.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_hours::policy::PayMode;

use super::engine::Hit;
use super::header::{Grade, Rule};
use super::money::{self, Allotted, Cause, Claim, Lump, Stands};
use super::reconcile::Imported;
use super::run::{ClassResult, Finding, Proof, Report, Run, TraineeResult, Words};
use crate::evidence::claimed::{Shape, Standing};
use crate::evidence::tables::{CLAIMS, Row, int, text};

/// The family of rules about officials.
pub(crate) const CONDUCT: &str = "conduct";

/// The kinds that explanations count, whether or not a finding has any of them.
const KINDS: [&str; 5] = ["blank", "tail", "not-held", "beyond", "not-listed"];

/// One claim: its row, and how many of its hours have each shape.
struct Judged<'a> {
    row: &'a Row,
    shapes: [i64; Shape::ALL.len()],
}

impl Judged<'_> {
    fn count(&self, shape: Shape) -> i64 {
        self.shapes[shape as usize]
    }
}

/// Judges. `shapes` and `standing` have one for each claim, in the claims' order: by class and trainee.
pub(super) fn judge(
    run: Run,
    imported: &Imported,
    shapes: &[Vec<Shape>],
    standing: &[Standing],
    found: &[(Rule, Vec<Hit>)],
) -> Report {
    let rows = imported.table(CLAIMS.name);
    let place: HashMap<(&str, &str), usize> =
        rows.iter().enumerate().map(|(i, row)| ((text(row, 0), text(row, 1)), i)).collect();
    let judged: Vec<Judged<'_>> = rows
        .iter()
        .zip(shapes)
        .map(|(row, cells)| {
            let mut shapes = [0; Shape::ALL.len()];
            cells.iter().for_each(|shape| shapes[*shape as usize] += 1);
            Judged { row, shapes }
        })
        .collect();
    let stands = |shape: &Shape| match shape {
        Shape::Attested => Stands::Attested,
        Shape::Unproven => Stands::Unproven,
        _ => Stands::No,
    };
    let claims: Vec<Claim> = rows
        .iter()
        .zip(shapes)
        .zip(standing)
        .map(|((row, cells), s)| claim(imported, row, cells.iter().map(stands).collect(), s))
        .collect();
    let mut groups: BTreeMap<(usize, &str, &str), Vec<&Hit>> = BTreeMap::new();
    for (i, (_, hits)) in found.iter().enumerate() {
        for hit in hits {
            groups.entry((i, &hit.class, &hit.subject)).or_default().push(hit);
        }
    }
    let causes: Vec<Cause> = groups
        .iter()
        .map(|((i, class, _), hits)| {
            let cell = |h: &&Hit| Some((*place.get(&(*class, h.trainee.as_str()))?, h.cell)).filter(|c| c.1 > 0);
            let cells: BTreeSet<(usize, i64)> = hits.iter().filter_map(cell).collect();
            let rule = &found[*i].0;
            // An official's conduct changes nobody's claim.
            let grade = if rule.family == CONDUCT { Grade::Weak } else { grade(rule, hits) };
            Cause { rule: rule.id.clone(), grade, cells: cells.into_iter().collect() }
        })
        .collect();
    let allotted = money::allot(&claims, &causes);
    let places = Places::of(imported);
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .zip(&causes)
        .enumerate()
        .map(|(n, (((i, class, subject), hits), cause))| {
            let claim = place.get(&(class, subject)).map(|i| &judged[*i]);
            let mut finding = finding(&found[i].0, class, subject, &hits, cause, claim);
            (finding.at_risk_fen, finding.exposure_fen) = (allotted.at_risk[n], allotted.exposure[n]);
            let (institution, region) = places.of_finding(&finding);
            (finding.institution, finding.region) = (institution.to_owned(), region.to_owned());
            finding
        })
        .collect();
    // The gravest first: what voids a device, then who is suspected, what takes most, and what is surest.
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.gravest, f.suspect, f.at_risk_fen, f.grade);
        key(b).cmp(&key(a)).then_with(|| a.finding.cmp(&b.finding))
    });
    let trainees = trainees(&judged, &allotted, &of_trainees(&place, &findings));
    let classes = classes(imported, &judged, &allotted, &findings);
    Report { run, classes, findings, trainees }
}

/// How sure a finding is: as its rows say, or else its rule.
fn grade(rule: &Rule, hits: &[&Hit]) -> Grade {
    hits.iter().filter_map(|h| h.grade).max().unwrap_or(rule.grade)
}

fn claim(imported: &Imported, row: &Row, cells: Vec<Stands>, standing: &Standing) -> Claim {
    let policy = imported.policies.get(text(row, 0)).cloned().unwrap_or_default();
    Claim {
        amount: int(row, 5),
        cells,
        lump: (policy.pay_mode == PayMode::Lump).then_some(Lump {
            rate: i64::from(policy.rate_permille),
            planned: standing.planned,
            attested: standing.attested,
            unproven: standing.unproven,
        }),
    }
}

/// Whose a finding is, and where.
struct Places<'a> {
    classes: BTreeMap<&'a str, (&'a str, &'a str)>,
    devices: BTreeMap<&'a str, (&'a str, &'a str)>,
    institutions: BTreeMap<&'a str, &'a str>,
}

impl<'a> Places<'a> {
    fn of(imported: &'a Imported) -> Self {
        let of = |table: &str, columns: [usize; 2]| {
            imported.table(table).iter().map(move |row| (text(row, 0), (text(row, columns[0]), text(row, columns[1]))))
        };
        let classes = of("classes", [1, 3]).chain(of(CLAIMS.name, [2, 3]));
        let devices = of("devices", [2, 3]);
        let institutions = imported.table("classes").iter().map(|row| (text(row, 1), text(row, 3)));
        Self { classes: classes.collect(), devices: devices.collect(), institutions: institutions.collect() }
    }

    fn of_finding(&self, finding: &Finding) -> (&'a str, &'a str) {
        let of_device = || self.devices.get(finding.device.as_str()).copied();
        let of_institution = || {
            let (name, region) = self.institutions.get_key_value(finding.subject.as_str())?;
            (finding.about == "institution").then_some((*name, *region))
        };
        self.classes.get(finding.class.as_str()).copied().or_else(of_device).or_else(of_institution).unwrap_or_default()
    }
}

fn finding(
    rule: &Rule,
    class: &str,
    subject: &str,
    hits: &[&Hit],
    cause: &Cause,
    claim: Option<&Judged<'_>>,
) -> Finding {
    let lessons: BTreeSet<&str> = hits.iter().map(|h| h.lesson.as_str()).filter(|l| !l.is_empty()).collect();
    let proofs: BTreeSet<Proof> = hits
        .iter()
        .filter(|h| !h.device.is_empty())
        .map(|h| Proof { device: h.device.clone(), counter: h.counter, seq_from: h.seq_from, seq_to: h.seq_to })
        .collect();
    let logs: BTreeSet<(&str, i64)> = proofs.iter().map(|p| (p.device.as_str(), p.counter)).collect();
    let sessions = hits.iter().filter_map(|h| h.sessions).max().unwrap_or(logs.len() as i64);
    let of = |shape: Shape| claim.map_or(0, |c| c.count(shape));
    let most = |of: fn(&Hit) -> Option<i64>| hits.iter().filter_map(|h| of(h)).max().unwrap_or(0);
    let mut values: BTreeMap<String, i64> = KINDS.iter().map(|kind| (kind.replace('-', "_"), 0)).collect();
    for hit in hits {
        *values.entry(hit.kind.replace('-', "_")).or_default() += 1;
    }
    values.extend(
        [
            ("hours", claim.map_or(0, |c| int(c.row, 4))),
            ("attested", of(Shape::Attested)),
            ("unproven", of(Shape::Unproven)),
            ("cells", cause.cells.len() as i64),
            ("lessons", lessons.len() as i64),
            ("sessions", sessions),
            ("n", most(|h| h.n)),
            ("of", most(|h| h.of)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let kind = hits.first().filter(|first| hits.iter().all(|h| h.kind == first.kind)).map_or("", |h| h.kind.as_str());
    let text = |what: &str, lang: &str| match rule.text(&format!("{what}_{kind}_{lang}")) {
        "" => rule.text(&format!("{what}_{lang}")).to_owned(),
        own => own.to_owned(),
    };
    let words = |lang: &str| Words {
        title: text("title", lang),
        explanation: fill(&text("explain", lang), &values),
        innocent: text("innocent", lang),
        next: text("next", lang),
    };
    let about_device = !subject.is_empty() && claim.is_none() && hits.iter().any(|h| h.device == subject);
    let about = match hits.iter().find_map(|h| h.about.as_deref()) {
        _ if subject.is_empty() => "class",
        Some(about) => about,
        None if about_device => "device",
        None => "trainee",
    };
    let of = |kind: &str| if about == kind { subject.to_owned() } else { String::new() };
    let or_none = |id: &str| if id.is_empty() { "-".to_owned() } else { id.to_owned() };
    Finding {
        finding: format!("{}/{}/{}", rule.id, or_none(class), or_none(subject)),
        rule: rule.id.clone(),
        grade: grade(rule, hits),
        family: rule.family.clone(),
        suspect: hits.iter().any(|h| h.suspect),
        class: class.to_owned(),
        institution: String::new(),
        region: String::new(),
        trainee: of("trainee"),
        device: of("device"),
        about: about.to_owned(),
        subject: subject.to_owned(),
        score: most(|h| h.score),
        gravest: rule.text("gravest") == "yes",
        cells: cause.cells.len() as i64,
        at_risk_fen: 0,
        exposure_fen: 0,
        zh: words("zh"),
        en: words("en"),
        basis: rule.text("basis").to_owned(),
        lessons: lessons.into_iter().map(str::to_owned).collect(),
        proofs: proofs.into_iter().collect(),
        hits: hits.iter().map(|hit| (*hit).clone()).collect(),
    }
}

/// Puts numbers where a template names them; a kind that a finding has none of is 0.
fn fill(template: &str, values: &BTreeMap<String, i64>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        out += before;
        out += &values.get(name).copied().unwrap_or(0).to_string();
        rest = after;
    }
    out + rest
}

/// The findings that suspect hours of each claim.
fn of_trainees<'a>(place: &HashMap<(&str, &str), usize>, findings: &'a [Finding]) -> HashMap<usize, Vec<&'a Finding>> {
    let mut of: HashMap<usize, Vec<&Finding>> = HashMap::new();
    for finding in findings.iter().filter(|f| f.suspect) {
        let hits = finding.hits.iter().filter(|h| h.suspect);
        let claims: BTreeSet<usize> =
            hits.filter_map(|h| place.get(&(finding.class.as_str(), h.trainee.as_str())).copied()).collect();
        claims.into_iter().for_each(|claim| of.entry(claim).or_default().push(finding));
    }
    of
}

fn trainees(
    judged: &[Judged<'_>],
    allotted: &Allotted,
    findings: &HashMap<usize, Vec<&Finding>>,
) -> Vec<TraineeResult> {
    let one = |(n, (claim, at_risk_fen)): (usize, (&Judged<'_>, &i64))| TraineeResult {
        class: text(claim.row, 0).to_owned(),
        trainee: text(claim.row, 1).to_owned(),
        hours: int(claim.row, 4),
        attested: claim.count(Shape::Attested),
        unproven: claim.count(Shape::Unproven),
        not_held: claim.count(Shape::NotHeld),
        beyond: claim.count(Shape::Beyond),
        amount_fen: int(claim.row, 5),
        at_risk_fen: *at_risk_fen,
        band: band(findings.get(&n).map_or(&[], Vec::as_slice)).to_owned(),
    };
    judged.iter().zip(&allotted.of_claim).enumerate().map(one).collect()
}

fn classes(imported: &Imported, judged: &[Judged<'_>], allotted: &Allotted, findings: &[Finding]) -> Vec<ClassResult> {
    let mut of_class: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        of_class.entry(&finding.class).or_default().push(finding);
    }
    let mut results: BTreeMap<&str, ClassResult> = BTreeMap::new();
    for (claim, unproven_fen) in judged.iter().zip(&allotted.unproven) {
        let (row, class) = (claim.row, text(claim.row, 0));
        let result = results.entry(class).or_insert_with(|| ClassResult {
            class: class.to_owned(),
            institution: text(row, 2).to_owned(),
            region: text(row, 3).to_owned(),
            trainees: 0,
            hours: 0,
            attested: 0,
            unproven: 0,
            amount_fen: 0,
            certain_fen: 0,
            strong_fen: 0,
            unproven_fen: 0,
            exposure_fen: 0,
            band: String::new(),
            policy: imported.policies.get(class).map(|p| p.version.clone()).unwrap_or_default(),
        });
        result.trainees += 1;
        result.hours += int(row, 4);
        result.attested += claim.count(Shape::Attested);
        result.unproven += claim.count(Shape::Unproven);
        result.amount_fen += int(row, 5);
        result.unproven_fen += unproven_fen;
    }
    for (class, result) in &mut results {
        let mine = of_class.get(class).map_or(&[][..], Vec::as_slice);
        let sum = |grade| mine.iter().filter(|f| f.grade == grade).map(|f| f.at_risk_fen).sum::<i64>();
        (result.certain_fen, result.strong_fen) = (sum(Grade::Certain), sum(Grade::Strong));
        // What is found about officials is another desk's, and is no exposure of a claim.
        let claims = mine.iter().filter(|f| f.family != CONDUCT);
        result.exposure_fen = claims.map(|f| f.exposure_fen).sum::<i64>().min(result.amount_fen);
        result.band = band(mine).to_owned();
    }
    results.into_values().collect()
}

/// Red, amber or green: the catalogue's section 12.5, with the caps as weights until labelled data gives better ones.
fn band(findings: &[&Finding]) -> &'static str {
    let suspects = || findings.iter().filter(|f| f.suspect && f.family != CONDUCT);
    if suspects().any(|f| f.grade == Grade::Certain) {
        return "red";
    }
    // Base-10 logarithms in thousandths: prior odds 0.02 / 0.98, strong 2, weak 0.7; each family once.
    let mut families: BTreeMap<&str, i64> = BTreeMap::new();
    for finding in suspects() {
        let weight = if finding.grade == Grade::Strong { 2000 } else { 700 };
        let best = families.entry(&finding.family).or_default();
        *best = weight.max(*best);
    }
    let log_odds = -1690 + families.values().sum::<i64>();
    let strong = families.values().filter(|w| **w == 2000).count();
    // Odds of 19 to 1 are a probability of 0.95.
    match log_odds {
        n if n >= 1279 && strong >= 2 => "red",
        n if n >= 0 => "amber",
        _ => "green",
    }
}

#[cfg(test)]
mod tests {
    use muster_hours::policy::Policy;

    use super::*;
    use crate::evidence::tables::Val;

    fn row(width: usize, values: &[(usize, Val)]) -> Row {
        let mut row = vec![Val::Null; width];
        for (i, value) in values {
            row[*i] = value.clone();
        }
        row
    }

    fn hit(class: &str, subject: &str, trainee: &str, cell: i64, kind: &str) -> Hit {
        Hit {
            class: class.to_owned(),
            subject: subject.to_owned(),
            trainee: trainee.to_owned(),
            cell,
            kind: kind.to_owned(),
            lesson: format!("l{cell}"),
            suspect: true,
            device: "d1".to_owned(),
            counter: 1 + cell % 2,
            ..Hit::default()
        }
    }

    fn run() -> Run {
        Run::default()
    }

    fn rule(id: &str) -> Rule {
        let (name, sql, _) = crate::rules::SHIPPED.into_iter().find(|(name, ..)| *name == id).unwrap();
        crate::rules::header::parse(name, sql).unwrap()
    }

    /// So many trainees in one class who claim so many hours, none of which stands, with their claimed cells.
    fn claimed(trainees: usize, hours: i64) -> (Imported, Vec<Vec<Shape>>, Vec<Standing>) {
        let mut claims = Vec::new();
        for t in 0..trainees {
            let (class, trainee) = (Val::from("c"), Val::from(format!("t{t}")));
            let (institution, region) = (Val::from("i"), Val::from("150422"));
            let money = [(4, hours.into()), (5, (hours * 100).into())];
            let who = [(0, class.clone()), (1, trainee.clone()), (2, institution), (3, region)];
            claims.push(row(CLAIMS.columns.len(), &[&who[..], &money].concat()));
        }
        let imported = Imported {
            rows: BTreeMap::from([
                ("claims", claims),
                ("devices", vec![row(8, &[(0, "d1".into()), (2, "i".into()), (3, "150422".into())])]),
            ]),
            imports: std::sync::Arc::default(),
            policies: BTreeMap::from([("c".to_owned(), Policy::default())]),
            log_size: 0,
        };
        let standing = vec![Standing { planned: hours, attested: 0, unproven: 0 }; trainees];
        (imported, vec![vec![Shape::Blank; hours as usize]; trainees], standing)
    }

    #[test]
    fn a_hundred_thousand_cells_are_judged_in_one_go() {
        // A step that looks through all claims or all findings for each finding would show here as minutes.
        let (imported, cells, standing) = claimed(2_500, 40);
        let hits = (0..2_500).flat_map(|t| {
            let t = format!("t{t}");
            (1..=40).map(move |n| hit("c", &t, &t, n, "blank")).collect::<Vec<_>>()
        });
        let found = [(rule("hours-over-attested"), hits.collect())];
        let report = judge(run(), &imported, &cells, &standing, &found);
        assert_eq!((report.findings.len(), report.trainees.len()), (2_500, 2_500));
        assert_eq!((report.classes[0].certain_fen, report.classes[0].amount_fen), (10_000_000, 10_000_000));
        assert!(report.trainees.iter().all(|t| t.at_risk_fen == 4_000));
    }

    #[test]
    fn an_explanation_counts_what_the_finding_itself_rests_on() {
        let (imported, cells, standing) = claimed(1, 4);
        let hits = vec![hit("c", "t0", "t0", 1, "phantom"), hit("c", "t0", "t0", 2, "phantom")];
        let found = [(rule("phantom-trainee"), hits.clone())];
        let report = judge(run(), &imported, &cells, &standing, &found);
        // Two sessions prove it, however many the class had.
        assert!(report.findings[0].en.explanation.contains("in 2 logged sessions"), "{:?}", report.findings[0].en);
        let yielded = hits.into_iter().map(|h| Hit { sessions: Some(7), kind: "card-only".to_owned(), ..h }).collect();
        let found = [(rule("phantom-trainee"), yielded)];
        let report = judge(run(), &imported, &cells, &standing, &found);
        let said = &report.findings[0].en.explanation;
        assert!(said.contains("in 7 sessions only the card came"), "{said}");
        // Every number is filled in, in both languages and for every rule.
        for (name, ..) in crate::rules::SHIPPED {
            let found = [(rule(name), vec![hit("c", "", "t0", 1, "blank")])];
            let report = judge(run(), &imported, &cells, &standing, &found);
            let finding = &report.findings[0];
            assert!(!finding.zh.explanation.contains('{') && !finding.en.explanation.contains('{'), "{finding:?}");
        }
    }

    #[test]
    fn each_claim_has_a_band_of_its_own_and_conduct_is_no_exposure_of_it() {
        let (imported, cells, standing) = claimed(3, 4);
        let adjusts = Hit { suspect: false, ..hit("c", "t1", "t1", 1, "tail") };
        let official = Hit { suspect: false, about: Some("official".to_owned()), ..hit("c", "o1", "t2", 1, "open") };
        let found = [
            (rule("hours-over-attested"), vec![hit("c", "t0", "t0", 1, "blank"), adjusts]),
            (rule("paid-over-finding"), vec![official]),
        ];
        let report = judge(run(), &imported, &cells, &standing, &found);
        let bands: Vec<_> = report.trainees.iter().map(|t| t.band.as_str()).collect();
        assert_eq!((bands, report.classes[0].band.as_str()), (vec!["red", "green", "green"], "red"));
        let conduct = report.findings.iter().find(|f| f.family == CONDUCT).unwrap();
        assert!(conduct.exposure_fen > 0 && report.classes[0].exposure_fen == 0, "{conduct:?}");
        assert_eq!((conduct.grade, conduct.at_risk_fen), (Grade::Certain, 0));
    }

    #[test]
    fn a_fork_comes_first_and_names_its_device_and_place() {
        let (imported, cells, standing) = claimed(1, 4);
        let fork = Hit { suspect: false, ..hit("", "d1", "", 0, "fork") };
        let found = [
            (rule("hours-over-attested"), (1..=4).map(|n| hit("c", "t0", "t0", n, "blank")).collect()),
            (rule("device-fork"), vec![fork]),
        ];
        let report = judge(run(), &imported, &cells, &standing, &found);
        let first = &report.findings[0];
        assert_eq!((first.finding.as_str(), first.device.as_str()), ("device-fork/-/d1", "d1"));
        assert_eq!((first.institution.as_str(), first.region.as_str(), first.trainee.as_str()), ("i", "150422", ""));
        assert!(first.gravest);
    }
}

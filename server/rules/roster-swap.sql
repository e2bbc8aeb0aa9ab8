-- id: roster-swap
-- grade: strong
-- family: paper
-- scope: class
-- title_zh: 开班后换人
-- title_en: A list that was filled afterwards
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第三条（开班审批与名册）
-- threshold: min_added = 3 (customary: a few always come late)
-- threshold: added_permille = 100 (customary: one in ten of the roster)
-- threshold: after_session = 3 (customary: until then a class finds itself)
-- explain_zh: 本班名册 {of} 人中，有 {n} 名申领补贴的学员在第三次课之后才列入，超出许可的少数补录；超出部分（先列仍申领全部课时者，再列最晚加入者）涉及 {cells} 个申领学时。
-- explain_en: Of {of} on the roster, {n} who are claimed for were put on it after the third session, more than the few that always come late. {cells} claimed hours are those of the ones beyond these few: first who is claimed for the whole class all the same, then who was added last.
-- innocent_zh: 经批准替补提前离班者、更正证件号（同一人）、名册上报较晚。
-- innocent_en: Approved replacements of early leavers, an ID number put right (the same person), a roster that was sent in late.
-- next_zh: 请每名新增学员当面确认。
-- next_en: Let each newcomer confirm in person.

WITH third AS (
  SELECT m.class, m.close FROM (
    SELECT s.class, s.close, ROW_NUMBER() OVER (PARTITION BY s.class ORDER BY s.open, s.session) AS place
    -- Two terminals may have logged one session.
    FROM (SELECT class, session, MIN(open) AS open, MAX(close) AS close FROM sessions GROUP BY class, session) s) m
  WHERE m.place = $after_session
),
members AS MATERIALIZED (
  SELECT r.class, r.trainee, r.person, r.added, r.removed, COALESCE(r.added > t.close, FALSE) AS late
  FROM roster r JOIN third t ON t.class = r.class
),
-- Where nobody was there before, the roster itself came late, and says nothing of who joined.
sizes AS (
  SELECT class, SUM(CASE WHEN removed IS NULL THEN 1 ELSE 0 END) AS trainees,
         SUM(CASE WHEN late THEN 0 ELSE 1 END) AS old
  FROM members GROUP BY class
),
corrected AS (
  SELECT class, person FROM members WHERE NOT late AND person IS NOT NULL GROUP BY class, person
),
newcomers AS (
  SELECT m.class, m.trainee, z.trainees,
         COUNT(*) OVER (PARTITION BY m.class) AS n,
         ROW_NUMBER() OVER (PARTITION BY m.class ORDER BY
           CASE WHEN k.planned > 0 AND k.hours >= k.planned THEN 1 ELSE 0 END, m.added, m.trainee) AS place
  FROM members m
  JOIN sizes z ON z.class = m.class AND z.old > 0
  JOIN claims k ON k.class = m.class AND k.trainee = m.trainee
  LEFT JOIN corrected o ON o.class = m.class AND o.person = m.person
  WHERE m.late AND o.class IS NULL
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.what = 'replacement' AND p.class = m.class
                      AND (p.trainee = m.trainee
                           OR (p.trainee IS NULL AND p."from" <= m.added AND p."to" >= m.added)))
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('added-late' AS VARCHAR) AS kind, c.lesson,
       c.shape <> 'unproven' AS suspect, c.device, c.counter, c.seq_from, c.seq_to, w.n, w.trainees AS "of"
FROM newcomers w
JOIN claimed_cells c ON c.class = w.class AND c.trainee = w.trainee
WHERE w.place > $min_added AND w.place * 1000 > $added_permille * w.trainees

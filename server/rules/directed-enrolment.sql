-- id: directed-enrolment
-- grade: strong
-- family: conduct
-- needs: licences, rooms
-- title_zh: 定向指派
-- title_en: Trainees steered to one institution
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条、第八条
-- threshold: min_persons = 50 (customary: fewer say too little)
-- threshold: min_permille = 800 (customary: four in five to one institution)
-- threshold: min_others = 3 (catalogue: alternatives in the same banner that may teach the occupation)
-- threshold: seats_permille = 1500 (customary: half as much again as the institution's share of licensed seats)
-- explain_zh: 该人员或单位登记的 {of} 名学员中有 {n} 名分到同一机构，而本旗县可培训该工种的机构另有三家以上；该比例远高于其座位所占比例，也远高于当地通常情况。
-- explain_en: Of {of} trainees whom this official or township enrolled {n} went to one institution, although at least three others in the banner may teach the occupation. That is far above the institution's share of seats, and above what is usual nearby.
-- innocent_zh: 唯一具备条件的机构、招标中标、离村最近。
-- innocent_en: The only institution with the equipment, a tender that was won, the one that is nearest to the village.
-- next_zh: 向学员公开可选机构名单。
-- next_en: Open the list of choices to trainees.

WITH enrolled AS (
  -- An institution that enrols its own trainees steers nobody.
  SELECT r.added_by, k.region, k.occupation, k.institution, COUNT(DISTINCT r.person) AS persons,
         MIN(COALESCE(r.added, k.opens)) AS first_at, MAX(COALESCE(r.added, k.opens)) AS last_at
  FROM roster r JOIN classes k ON k.class = r.class
  WHERE r.added_by IS NOT NULL AND r.person IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM classes i WHERE i.institution = r.added_by)
  GROUP BY r.added_by, k.region, k.occupation, k.institution
), markets AS (
  SELECT added_by, region, occupation, SUM(persons) AS persons, MIN(first_at) AS first_at, MAX(last_at) AS last_at
  FROM enrolled GROUP BY added_by, region, occupation
), sites_of AS (
  SELECT site, institution, region FROM devices UNION SELECT site, institution, region FROM classes
), seats_of AS (
  SELECT s.institution, s.region, SUM(m.seats) AS seats
  FROM sites_of s JOIN rooms m ON m.site = s.site AND m.institution = s.institution
  GROUP BY s.institution, s.region
), offers AS (
  -- Who could have been chosen, all the while: with a licence for it and seats in the same banner.
  SELECT m.added_by, m.region, m.occupation, s.institution, s.seats
  FROM markets m
  JOIN seats_of s ON s.region = m.region
  WHERE EXISTS (SELECT 1 FROM licences l
                WHERE l.institution = s.institution AND l.occupation = m.occupation
                  AND l."from" <= m.first_at AND (l."to" IS NULL OR l."to" >= m.last_at))
), choices AS (
  SELECT added_by, region, occupation, COUNT(*) AS institutions, SUM(seats) AS seats
  FROM offers GROUP BY added_by, region, occupation
  HAVING COUNT(*) > $min_others AND SUM(seats) > 0
), pairs AS (
  -- The remainder goes first, so that every engine divides alike.
  SELECT o.added_by, o.institution, MIN(o.region) AS region, MAX(m.last_at) AS last_at, SUM(m.persons) AS persons,
         SUM(COALESCE(e.persons, 0)) AS here,
         SUM(CAST((m.persons * o.seats * 1000 - m.persons * o.seats * 1000 % c.seats) / c.seats AS BIGINT)) AS expected
  FROM choices c
  JOIN offers o ON o.added_by = c.added_by AND o.region = c.region AND o.occupation = c.occupation
  JOIN markets m ON m.added_by = c.added_by AND m.region = c.region AND m.occupation = c.occupation
  LEFT JOIN enrolled e ON e.added_by = c.added_by AND e.region = c.region AND e.occupation = c.occupation
    AND e.institution = o.institution
  GROUP BY o.added_by, o.institution
)
SELECT CAST('' AS VARCHAR) AS class, p.added_by || '/' || p.institution AS subject, CAST('' AS VARCHAR) AS trainee,
       0 AS cell, CAST('steered' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('official' AS VARCHAR) AS about, CAST(p.here AS BIGINT) AS n, CAST(p.persons AS BIGINT) AS "of", u.score
FROM pairs p JOIN nulls u ON u.unit = p.added_by || '/' || p.institution
WHERE u.rule = 'directed-enrolment' AND u.passes
  AND p.persons >= $min_persons
  AND p.here * 1000 >= $min_permille * p.persons
  AND p.here * 1000000 >= $seats_permille * p.expected
-- counts:
WITH enrolled AS (
  -- An institution that enrols its own trainees steers nobody.
  SELECT r.added_by, k.region, k.occupation, k.institution, COUNT(DISTINCT r.person) AS persons,
         MIN(COALESCE(r.added, k.opens)) AS first_at, MAX(COALESCE(r.added, k.opens)) AS last_at
  FROM roster r JOIN classes k ON k.class = r.class
  WHERE r.added_by IS NOT NULL AND r.person IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM classes i WHERE i.institution = r.added_by)
  GROUP BY r.added_by, k.region, k.occupation, k.institution
), markets AS (
  SELECT added_by, region, occupation, SUM(persons) AS persons, MIN(first_at) AS first_at, MAX(last_at) AS last_at
  FROM enrolled GROUP BY added_by, region, occupation
), sites_of AS (
  SELECT site, institution, region FROM devices UNION SELECT site, institution, region FROM classes
), seats_of AS (
  SELECT s.institution, s.region, SUM(m.seats) AS seats
  FROM sites_of s JOIN rooms m ON m.site = s.site AND m.institution = s.institution
  GROUP BY s.institution, s.region
), offers AS (
  -- Who could have been chosen, all the while: with a licence for it and seats in the same banner.
  SELECT m.added_by, m.region, m.occupation, s.institution, s.seats
  FROM markets m
  JOIN seats_of s ON s.region = m.region
  WHERE EXISTS (SELECT 1 FROM licences l
                WHERE l.institution = s.institution AND l.occupation = m.occupation
                  AND l."from" <= m.first_at AND (l."to" IS NULL OR l."to" >= m.last_at))
), choices AS (
  SELECT added_by, region, occupation, COUNT(*) AS institutions, SUM(seats) AS seats
  FROM offers GROUP BY added_by, region, occupation
  HAVING COUNT(*) > $min_others AND SUM(seats) > 0
), pairs AS (
  -- The remainder goes first, so that every engine divides alike.
  SELECT o.added_by, o.institution, MIN(o.region) AS region, MAX(m.last_at) AS last_at, SUM(m.persons) AS persons,
         SUM(COALESCE(e.persons, 0)) AS here,
         SUM(CAST((m.persons * o.seats * 1000 - m.persons * o.seats * 1000 % c.seats) / c.seats AS BIGINT)) AS expected
  FROM choices c
  JOIN offers o ON o.added_by = c.added_by AND o.region = c.region AND o.occupation = c.occupation
  JOIN markets m ON m.added_by = c.added_by AND m.region = c.region AND m.occupation = c.occupation
  LEFT JOIN enrolled e ON e.added_by = c.added_by AND e.region = c.region AND e.occupation = c.occupation
    AND e.institution = o.institution
  GROUP BY o.added_by, o.institution
)
-- Compared with pairs of like share of seats: `size` is that share, in thousandths.
SELECT added_by || '/' || institution AS unit, institution, region,
       CAST((last_at - last_at % 86400000) / 86400000 AS BIGINT) AS day, CAST('' AS VARCHAR) AS kind,
       CAST((expected - expected % persons) / persons AS BIGINT) AS size, CAST(persons AS BIGINT) AS n,
       CAST(here AS BIGINT) AS k
FROM pairs

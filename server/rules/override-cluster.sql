-- id: override-cluster
-- grade: strong
-- family: conduct
-- needs: dispositions
-- title_zh: 人工放行集中
-- title_en: Findings cleared for one institution
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: min_cleared = 10 (customary: fewer say too little)
-- threshold: min_peers = 2 (catalogue: a pool of three officials with this one)
-- threshold: z = 3 (customary: three standard deviations above what others clear of the same rules and grades)
-- threshold: same_text_permille = 800 (customary: four in five with the same words)
-- explain_zh: 该人员对同一机构的 {of} 条疑点作出决定，其中 {n} 条予以排除，远多于他人对同类疑点的排除比例，且五分之四以上使用同一理由文字。
-- explain_en: Of {of} findings on one institution this official cleared {n}, far more than others clear of findings of the same rules and grades, and at least four in five with the same words.
-- innocent_zh: 本单位已知的停电断网、规则本身有误而人人排除。
-- innocent_en: An outage that the office knew of, a faulty rule that everybody clears.
-- next_zh: 由其他单位重新决定这些疑点。
-- next_en: Let another unit decide them again.
WITH decided AS (
  -- One decision a finding and official: the last word counts.
  SELECT official, subject, institution, reason, cleared
  FROM (SELECT official, subject, institution, COALESCE(reason, '') AS reason,
               CASE WHEN action IN ('dismiss', 'release') THEN 1 ELSE 0 END AS cleared,
               ROW_NUMBER() OVER (PARTITION BY official, subject ORDER BY "at" DESC, action, COALESCE(reason, '')) AS place
        FROM dispositions
        WHERE kind = 'finding' AND official IS NOT NULL AND action IN ('dismiss', 'release', 'uphold', 'refuse')) d
  WHERE place = 1
), judged AS (
  SELECT d.official, d.subject, COALESCE(d.institution, f.institution) AS institution, f.rule, f.grade, d.reason, d.cleared
  FROM decided d JOIN found f ON f.finding = d.subject
), alike AS (
  SELECT rule, grade, COUNT(*) AS decisions, SUM(cleared) AS cleared, COUNT(DISTINCT official) AS officials
  FROM judged GROUP BY rule, grade
), own AS (
  SELECT official, rule, grade, COUNT(*) AS decisions, SUM(cleared) AS cleared FROM judged GROUP BY official, rule, grade
), peers AS (
  -- What others clear of the same rule and grade, per mille. One try and one hit are added to each side, so that few
  -- decisions are no certainty; the remainder goes first, so that every engine divides alike.
  SELECT o.official, o.rule, o.grade,
         CAST(((a.cleared - o.cleared + 1) * 1000 - (a.cleared - o.cleared + 1) * 1000 % (a.decisions - o.decisions + 2))
              / (a.decisions - o.decisions + 2) AS BIGINT) AS permille
  FROM own o JOIN alike a ON a.rule = o.rule AND a.grade = o.grade
  WHERE a.officials > $min_peers
), sums AS (
  SELECT j.official, j.institution, COUNT(*) AS decisions, SUM(j.cleared) AS cleared, SUM(p.permille) AS expected,
         SUM(p.permille * (1000 - p.permille)) AS variance
  FROM judged j JOIN peers p ON p.official = j.official AND p.rule = j.rule AND p.grade = j.grade
  WHERE j.institution IS NOT NULL
  GROUP BY j.official, j.institution
), words AS (
  SELECT official, institution, MAX(times) AS times
  FROM (SELECT j.official, j.institution, j.reason, COUNT(*) AS times
        FROM judged j JOIN peers p ON p.official = j.official AND p.rule = j.rule AND p.grade = j.grade
        WHERE j.cleared = 1 AND j.institution IS NOT NULL
        GROUP BY j.official, j.institution, j.reason) t
  GROUP BY official, institution
)
SELECT CAST('' AS VARCHAR) AS class, s.official || '/' || s.institution AS subject, CAST('' AS VARCHAR) AS trainee,
       0 AS cell, CAST('cleared' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('official' AS VARCHAR) AS about, CAST(s.cleared AS BIGINT) AS n, s.decisions AS "of"
FROM sums s JOIN words w ON w.official = s.official AND w.institution = s.institution
WHERE s.cleared >= $min_cleared
  AND w.times * 1000 >= $same_text_permille * s.cleared
  -- Squared, as neither engine shall take a root.
  AND s.cleared * 1000 > s.expected
  AND (s.cleared * 1000 - s.expected) * (s.cleared * 1000 - s.expected) > $z * $z * s.variance

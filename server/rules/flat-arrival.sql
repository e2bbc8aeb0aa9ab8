-- id: flat-arrival
-- grade: weak
-- family: rhythm
-- scope: class
-- title_zh: 到课时间过齐
-- title_en: Everybody comes at the same second, every day
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: max_iqr_s = 60 (customary: people who walk scatter by minutes)
-- threshold: min_sessions = 8 (customary: fewer say too little)
-- threshold: min_trainees = 10 (customary: fewer say too little)
-- explain_zh: 该班 {of} 名学员各自到课时间的日间差异极小：半数学员的四分位差不超过 {n} 秒；涉及 {cells} 个申领学时。
-- explain_en: The {of} trainees of this class come at nearly the same second of the session every day: for half of them the middle half of their days lies within {n} seconds; {cells} claimed hours are of this class.
-- innocent_zh: 同乘一辆班车、住同一宿舍、终端按铃开放。
-- innocent_en: One bus, a dormitory, a terminal that opens at a bell.
-- next_zh: 与签退时间比较，签退通常更分散。
-- next_en: Compare the check-outs, which scatter more.
WITH arrivals AS MATERIALIZED (
  SELECT class, device, counter, trainee, MIN("at") AS came FROM taps
  WHERE purpose = 'in' AND trainee IS NOT NULL GROUP BY class, device, counter, trainee
), offsets AS MATERIALIZED (
  -- Against the first arrival of the session: a bus that is late is late for all.
  SELECT class, device, counter, trainee, came - MIN(came) OVER (PARTITION BY device, counter) AS late FROM arrivals
), ranked AS (
  SELECT class, trainee, late, COUNT(*) OVER (PARTITION BY class, trainee) AS n,
         ROW_NUMBER() OVER (PARTITION BY class, trainee ORDER BY late, device, counter) AS place
  FROM offsets
), spreads AS MATERIALIZED (
  -- Quartiles by rank: no engine's own idea of a quantile.
  SELECT class, trainee, MIN(CASE WHEN 4 * place >= 3 * n THEN late END) - MIN(CASE WHEN 4 * place >= n THEN late END) AS iqr
  FROM ranked WHERE n >= $min_sessions GROUP BY class, trainee
), medians AS (
  SELECT class, iqr, COUNT(*) OVER (PARTITION BY class) AS n,
         ROW_NUMBER() OVER (PARTITION BY class ORDER BY iqr, trainee) AS place
  FROM spreads
), flat AS (
  SELECT class, MIN(CASE WHEN 2 * place >= n THEN iqr END) AS iqr, MAX(n) AS trainees
  FROM medians WHERE n >= $min_trainees
  GROUP BY class HAVING MIN(CASE WHEN 2 * place >= n THEN iqr END) <= $max_iqr_s * 1000
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('flat' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       -- Whole seconds, rounded up.
       CAST((f.iqr + 999 - (f.iqr + 999) % 1000) / 1000 AS BIGINT) AS n, f.trainees AS "of"
FROM flat f
JOIN claimed_cells c ON c.class = f.class
WHERE c.shape IN ('attested', 'tail')

-- id: copied-rhythm
-- grade: certain
-- family: rhythm
-- title_zh: 节奏复制
-- title_en: A day's rhythm, copied
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_taps = 20 (customary: fewer taps say nothing of a rhythm)
-- threshold: max_cv_percent = 10 (customary: queues give 50 to 100)
-- threshold: pause_ms = 20000 (customary: a longer gap is a pause, and no part of a queue)
-- explain_zh: 两个课次中有连续十一次刷卡的间隔在十分之一秒内完全相同，真人刷卡不会如此；其中较晚的课次涉及 {cells} 个申领学时。
-- explain_en: In two sessions eleven taps in a row follow each other at the same intervals to a tenth of a second, which people do not do twice; {cells} claimed hours are of the later one.
-- explain_metronome_zh: 该课次连续刷卡的间隔几乎完全均匀，波动不到平均间隔的一成，像由机器产生；涉及 {cells} 个申领学时。
-- explain_metronome_en: The taps of this session follow each other almost evenly, varying by less than a tenth of the mean interval, as a machine would make them; {cells} claimed hours are of it.
-- innocent_zh: 间隔完全相同的情形尚无已知的正常原因；间隔均匀的，可能是终端按固定节拍提示。
-- innocent_en: None is known for equal intervals; even ones may come of a kiosk that prompts like a metronome.
-- next_zh: 封存终端，制作取证副本。
-- next_en: Keep the terminal; take a forensic copy.

-- Sessions by number, so that what is sorted and compared are whole numbers alone.
WITH logs AS MATERIALIZED (
  SELECT device, counter, institution, open, CAST(DENSE_RANK() OVER (ORDER BY institution) AS BIGINT) AS owner,
         CAST(ROW_NUMBER() OVER (ORDER BY device, counter) AS BIGINT) AS n
  FROM sessions
), gaps AS MATERIALIZED (
  -- By boot time, which no clock setting moves. After a restart it begins anew: no gap, and no window over it.
  SELECT n, owner, seq, CASE WHEN gap >= 0 THEN gap END AS gap
  FROM (SELECT l.n, l.owner, t.seq, t.up_ms - LAG(t.up_ms) OVER (PARTITION BY l.n ORDER BY t.seq) AS gap
        FROM taps t JOIN logs l ON l.device = t.device AND l.counter = t.counter) t
), rhythms AS (
  SELECT n, owner, LAG(gap, 9) OVER w AS g9, LAG(gap, 7) OVER w AS g7, LAG(gap, 5) OVER w AS g5,
         LAG(gap, 3) OVER w AS g3, LAG(gap, 1) OVER w AS g1, gap AS g0
  FROM gaps
  WINDOW w AS (PARTITION BY n ORDER BY seq)
), sums AS MATERIALIZED (
  -- One number for six of the ten, by either rounding. It misses no window that is equal, and the few that it finds are
  -- compared in full.
  SELECT n, owner,
         (g9 - g9 % 100) % 1000003 * 1419857 + (g7 - g7 % 100) % 1000003 * 83521 + (g5 - g5 % 100) % 1000003 * 4913
           + (g3 - g3 % 100) % 1000003 * 289 + (g1 - g1 % 100) % 1000003 * 17 + g0 - g0 % 100 AS near,
         (g9 + 50 - (g9 + 50) % 100) % 1000003 * 1419857 + (g7 + 50 - (g7 + 50) % 100) % 1000003 * 83521
           + (g5 + 50 - (g5 + 50) % 100) % 1000003 * 4913 + (g3 + 50 - (g3 + 50) % 100) % 1000003 * 289
           + (g1 + 50 - (g1 + 50) % 100) % 1000003 * 17 + g0 + 50 - (g0 + 50) % 100 AS far
  FROM rhythms
  WHERE g9 + g7 + g5 + g3 + g1 + g0 IS NOT NULL
), few AS MATERIALIZED (
  SELECT s.n FROM sums s
  JOIN (SELECT owner, near FROM sums GROUP BY owner, near HAVING MIN(n) < MAX(n)) t
    ON t.owner = s.owner AND t.near = s.near
  UNION
  SELECT s.n FROM sums s
  JOIN (SELECT owner, far FROM sums GROUP BY owner, far HAVING MIN(n) < MAX(n)) t
    ON t.owner = s.owner AND t.far = s.far
), windows AS (
  SELECT g.n, g.seq, LAG(g.seq, 10) OVER w AS seq_from,
         LAG(g.gap, 9) OVER w AS g9, LAG(g.gap, 8) OVER w AS g8, LAG(g.gap, 7) OVER w AS g7,
         LAG(g.gap, 6) OVER w AS g6, LAG(g.gap, 5) OVER w AS g5, LAG(g.gap, 4) OVER w AS g4,
         LAG(g.gap, 3) OVER w AS g3, LAG(g.gap, 2) OVER w AS g2, LAG(g.gap, 1) OVER w AS g1,
         g.gap AS g0
  FROM gaps g JOIN few f ON f.n = g.n
  WINDOW w AS (PARTITION BY g.n ORDER BY g.seq)
), whole AS MATERIALIZED (
  SELECT * FROM windows WHERE g9 + g8 + g7 + g6 + g5 + g4 + g3 + g2 + g1 + g0 IS NOT NULL
), rounded AS (
  -- Twice, half a step apart: what one rounding cuts in two the other keeps together.
  SELECT n, seq_from, seq, 0 AS half,
         g9 - g9 % 100 AS k9, g8 - g8 % 100 AS k8, g7 - g7 % 100 AS k7, g6 - g6 % 100 AS k6,
         g5 - g5 % 100 AS k5, g4 - g4 % 100 AS k4, g3 - g3 % 100 AS k3, g2 - g2 % 100 AS k2,
         g1 - g1 % 100 AS k1, g0 - g0 % 100 AS k0
  FROM whole
  UNION ALL
  SELECT n, seq_from, seq, 1 AS half,
         g9 + 50 - (g9 + 50) % 100 AS k9, g8 + 50 - (g8 + 50) % 100 AS k8,
         g7 + 50 - (g7 + 50) % 100 AS k7, g6 + 50 - (g6 + 50) % 100 AS k6,
         g5 + 50 - (g5 + 50) % 100 AS k5, g4 + 50 - (g4 + 50) % 100 AS k4,
         g3 + 50 - (g3 + 50) % 100 AS k3, g2 + 50 - (g2 + 50) % 100 AS k2,
         g1 + 50 - (g1 + 50) % 100 AS k1, g0 + 50 - (g0 + 50) % 100 AS k0
  FROM whole
), placed AS (
  SELECT r.n, r.seq_from, r.seq,
         RANK() OVER (PARTITION BY l.institution, r.half, r.k9, r.k8, r.k7, r.k6, r.k5, r.k4, r.k3, r.k2, r.k1, r.k0
                      ORDER BY l.open, l.device, l.counter) AS place
  FROM rounded r JOIN logs l ON l.n = r.n
  -- Ten gaps of one length are a metronome, which is judged below, and no copy.
  WHERE NOT (k9 = k8 AND k8 = k7 AND k7 = k6 AND k6 = k5 AND k5 = k4 AND k4 = k3 AND k3 = k2 AND k2 = k1 AND k1 = k0)
), copies AS (
  SELECT n, MIN(seq_from) AS seq_from, MAX(seq) AS seq_to FROM placed WHERE place > 1 GROUP BY n
), even AS (
  -- Variance against the square of the mean, both times the square of the count.
  SELECT n, MIN(seq) AS seq_from, MAX(seq) AS seq_to
  FROM gaps WHERE gap BETWEEN 1 AND $pause_ms
  GROUP BY n
  HAVING COUNT(*) + 1 >= $min_taps
    AND (COUNT(*) * SUM(gap * gap) - SUM(gap) * SUM(gap)) * 10000 < $max_cv_percent * $max_cv_percent * SUM(gap) * SUM(gap)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('copied' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, p.seq_from, p.seq_to, CAST('certain' AS VARCHAR) AS grade
FROM copies p
JOIN logs l ON l.n = p.n
JOIN claimed_cells c ON c.device = l.device AND c.counter = l.counter
WHERE c.shape IN ('attested', 'tail')
UNION ALL
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('metronome' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, e.seq_from, e.seq_to, CAST('strong' AS VARCHAR) AS grade
FROM even e
JOIN logs l ON l.n = e.n
JOIN claimed_cells c ON c.device = l.device AND c.counter = l.counter
WHERE c.shape IN ('attested', 'tail')

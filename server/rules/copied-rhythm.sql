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
WITH gaps AS (
  -- By boot time, which no clock setting moves. After a restart it begins anew: no gap, and no window over it.
  SELECT device, counter, seq, up_ms - LAG(up_ms) OVER (PARTITION BY device, counter ORDER BY seq) AS gap
  FROM taps
), rounded AS (
  -- Twice, half a step apart: what one rounding cuts in two the other keeps together.
  SELECT device, counter, seq, 0 AS half, CASE WHEN gap >= 0 THEN gap - gap % 100 END AS step FROM gaps
  UNION ALL
  SELECT device, counter, seq, 1 AS half, CASE WHEN gap >= 0 THEN gap + 50 - (gap + 50) % 100 END AS step FROM gaps
), windows AS (
  SELECT device, counter, half, seq, step,
         LAG(seq, 9) OVER w AS seq_from,
         CAST(LAG(step, 9) OVER w AS VARCHAR) || ' ' || CAST(LAG(step, 8) OVER w AS VARCHAR) || ' '
           || CAST(LAG(step, 7) OVER w AS VARCHAR) || ' ' || CAST(LAG(step, 6) OVER w AS VARCHAR) || ' '
           || CAST(LAG(step, 5) OVER w AS VARCHAR) || ' ' || CAST(LAG(step, 4) OVER w AS VARCHAR) || ' '
           || CAST(LAG(step, 3) OVER w AS VARCHAR) || ' ' || CAST(LAG(step, 2) OVER w AS VARCHAR) || ' '
           || CAST(LAG(step, 1) OVER w AS VARCHAR) || ' ' || CAST(step AS VARCHAR) AS beat,
         MIN(step) OVER (PARTITION BY device, counter, half ORDER BY seq ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS least,
         MAX(step) OVER (PARTITION BY device, counter, half ORDER BY seq ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS most
  FROM rounded
  WINDOW w AS (PARTITION BY device, counter, half ORDER BY seq)
), placed AS (
  -- Ten gaps of one length are a metronome, which is judged below, and no copy.
  SELECT s.institution, s.open, w.device, w.counter, w.half, w.beat, w.seq_from, w.seq
  FROM windows w JOIN sessions s ON s.device = w.device AND s.counter = w.counter
  WHERE w.beat IS NOT NULL AND w.most > w.least
), twice AS (
  SELECT institution, half, beat FROM placed
  GROUP BY institution, half, beat HAVING COUNT(DISTINCT device || '/' || CAST(counter AS VARCHAR)) >= 2
), ordered AS (
  SELECT p.device, p.counter, p.seq_from, p.seq,
         RANK() OVER (PARTITION BY p.institution, p.half, p.beat ORDER BY p.open, p.device, p.counter) AS place
  FROM placed p JOIN twice t ON t.institution = p.institution AND t.half = p.half AND t.beat = p.beat
), copies AS (
  SELECT device, counter, MIN(seq_from) AS seq_from, MAX(seq) AS seq_to FROM ordered WHERE place > 1 GROUP BY device, counter
), even AS (
  -- Variance against the square of the mean, both times the square of the count.
  SELECT device, counter, MIN(seq) AS seq_from, MAX(seq) AS seq_to
  FROM gaps WHERE gap BETWEEN 1 AND $pause_ms
  GROUP BY device, counter
  HAVING COUNT(*) + 1 >= $min_taps
    AND (COUNT(*) * SUM(gap * gap) - SUM(gap) * SUM(gap)) * 10000 < $max_cv_percent * $max_cv_percent * SUM(gap) * SUM(gap)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('copied' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, p.device, p.counter, p.seq_from, p.seq_to, CAST('certain' AS VARCHAR) AS grade
FROM copies p
JOIN claimed_cells c ON c.device = p.device AND c.counter = p.counter
WHERE c.shape IN ('attested', 'tail')
UNION ALL
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('metronome' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, e.device, e.counter, e.seq_from, e.seq_to, CAST('strong' AS VARCHAR) AS grade
FROM even e
JOIN claimed_cells c ON c.device = e.device AND c.counter = e.counter
WHERE c.shape IN ('attested', 'tail')

-- id: growth-spike
-- grade: weak
-- family: institution
-- needs: rooms
-- title_zh: 申领激增
-- title_en: Volume without rooms
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: quarter_d = 91 (design: days counted back from the run)
-- threshold: times = 3 (customary: against the mean of the four quarters before)
-- threshold: seat_permille = 900 (customary: nine in ten of what the licensed seats can hold)
-- threshold: seat_hours = 728 (design: 8 class hours on each of 91 days)
-- explain_zh: 该机构最近一季申领 {n} 学时，为前四季平均的三倍以上，且超过核定座位所能容纳学时的九成；本班 {cells} 个申领学时供查看。
-- explain_en: In the last quarter this institution claimed {n} class hours, over three times the mean of the four quarters before and over nine in ten of what its licensed seats can hold; {cells} claimed hours of this class are for a look.
-- innocent_zh: 新增培训点、每年集中培训、首年开办。
-- innocent_en: A new site, a yearly campaign, a first year.
-- next_zh: 查看教室与教师。
-- next_en: Look at rooms and teachers.
WITH claimed AS (
  SELECT k.institution, k.class, k.ends, q."at" - k.ends AS age, SUM(c.hours) AS hours
  FROM classes k
  JOIN run q ON k.ends <= q."at"
  JOIN claims c ON c.class = k.class
  GROUP BY k.institution, k.class, k.ends, q."at"
), volumes AS (
  SELECT institution, MAX(age) AS oldest,
         SUM(CASE WHEN age < $quarter_d * 86400000 THEN hours ELSE 0 END) AS quarter,
         SUM(CASE WHEN age >= $quarter_d * 86400000 AND age < 5 * $quarter_d * 86400000 THEN hours ELSE 0 END) AS year
  FROM claimed GROUP BY institution
), seats_of AS (
  SELECT institution, SUM(seats) AS seats FROM rooms GROUP BY institution
), spikes AS (
  SELECT v.institution, v.quarter
  FROM volumes v JOIN seats_of s ON s.institution = v.institution
  -- A first year has no history, and says nothing.
  WHERE v.oldest >= 4 * $quarter_d * 86400000
    AND v.quarter * 4 > $times * v.year
    AND v.quarter * 1000 > $seat_permille * s.seats * $seat_hours
)
SELECT c.class, s.institution AS subject, c.trainee, c.cell, CAST('spike' AS VARCHAR) AS kind, c.lesson, TRUE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, CAST('institution' AS VARCHAR) AS about, CAST(s.quarter AS BIGINT) AS n
FROM spikes s
JOIN claimed k ON k.institution = s.institution AND k.age < $quarter_d * 86400000
JOIN claimed_cells c ON c.class = k.class
WHERE c.shape <> 'unproven'
  AND NOT EXISTS (SELECT 1 FROM dispositions d
                  WHERE d.class = k.class AND d.kind = 'release' AND d.action = 'release')

-- id: device-silent
-- grade: weak
-- family: place
-- title_zh: 终端失联
-- title_en: A terminal that kept silent
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（培训纪律）、第四条（一）
-- threshold: max_days = 7 (customary: pastoral areas)
-- threshold: max_days_town = 3 (customary: a town has a network)
-- threshold: peers_permille = 500 (customary: half of the other sites in the region had contact meanwhile)
-- explain_zh: 有课期间该终端连续 {n} 天没有任何联系，而同旗县其他培训点多数照常联系；其间有 {cells} 个申领学时。
-- explain_en: While lessons were planned this terminal gave no sign of life for {n} days, and most other sites of the region did; {cells} claimed hours are of that time.
-- innocent_zh: 没有信号、上网模块损坏、放假。
-- innocent_en: No coverage, a broken modem, a holiday.
-- next_zh: 致电培训点；用移动存储把记录送来。
-- next_en: Ring the site; have the log brought on a disk.
WITH signs AS (
  SELECT device, "at" AS gone, counter, LEAD("at") OVER (PARTITION BY device ORDER BY "at", counter) AS back
  FROM contacts
), silences AS (
  SELECT g.device, g.counter, d.site, d.region, g.gone, COALESCE(g.back, q."at") AS until
  FROM signs g
  JOIN devices d ON d.device = g.device
  LEFT JOIN (SELECT site, MIN(network) AS network FROM sites GROUP BY site) w ON w.site = d.site
  JOIN run q ON COALESCE(g.back, q."at") - g.gone
    > CASE WHEN w.network = 'town' THEN $max_days_town ELSE $max_days END * 86400000
  -- A terminal that has ended owes no more signs.
  WHERE g.back IS NOT NULL OR d.ended IS NULL
), days AS (
  -- The days on which a site had contact; one row a day, so that a busy site weighs no more.
  SELECT DISTINCT d.region, d.site, k."at" - k."at" % 86400000 AS day
  FROM contacts k JOIN devices d ON d.device = k.device
), heard AS (
  SELECT s.device, s.gone, COUNT(DISTINCT y.site) AS sites
  FROM silences s JOIN days y ON y.region = s.region AND y.site <> s.site AND y.day > s.gone AND y.day + 86400000 <= s.until
  GROUP BY s.device, s.gone
), peers AS (
  SELECT region, COUNT(DISTINCT site) AS sites FROM devices GROUP BY region
), odd AS (
  SELECT s.device, s.counter, s.site, s.gone, s.until,
         CAST((s.until - s.gone - (s.until - s.gone) % 86400000) / 86400000 AS BIGINT) AS n
  FROM silences s
  JOIN heard h ON h.device = s.device AND h.gone = s.gone
  JOIN peers p ON p.region = s.region AND h.sites * 1000 >= $peers_permille * (p.sites - 1)
)
SELECT c.class, o.device AS subject, c.trainee, c.cell, CAST('silent' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, o.device, COALESCE(c.counter, o.counter) AS counter,
       COALESCE(c.seq_from, 0) AS seq_from, COALESCE(c.seq_to, 0) AS seq_to,
       CAST('device' AS VARCHAR) AS about, o.n
FROM odd o
JOIN classes k ON k.site = o.site
JOIN claimed_cells c ON c.class = k.class AND c.start > o.gone AND c."end" < o.until
  -- Its own lessons, and those that no terminal has; a published outage has made the others unproven.
  AND (c.device = o.device OR c.device IS NULL)
WHERE c.shape <> 'unproven'

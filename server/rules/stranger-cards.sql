-- id: stranger-cards
-- grade: weak
-- family: identity
-- scope: class
-- title_zh: 名册外证件
-- title_en: Cards that are on no roster
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数、培训纪律）、第四条（一）
-- threshold: min_cards = 3 (customary: a visitor or a parent tries a card now and then)
-- threshold: min_permille = 100 (customary: one in ten of the roster)
-- threshold: min_sessions = 3 (customary: once is the class next door)
-- threshold: per_swap = 2 (design: who sits in another class with permission taps in and out there)
-- explain_zh: {sessions} 个课次中，名册以外的证件刷卡达名册人数的一成以上，多的一次有 {n} 次；涉及 {cells} 个申领学时。可能有人顶替，也可能终端下载了别班名册。
-- explain_en: In {sessions} sessions cards that are on no roster were read, at least one for every ten trainees, {n} at the most; {cells} claimed hours are of these sessions. Substitutes may have come, or the terminal had another class's roster.
-- innocent_zh: 与其他班共用终端、家长或访客试刷、经批准调班的学员。
-- innocent_en: Another class shares the terminal, parents or visitors try their cards, trainees swapped class with permission.
-- next_zh: 将正确的名册下发到终端，并在下次课核对人员。
-- next_en: Put the right roster on the device, and look at who sits there at the next lesson.
WITH swaps AS (
  -- Who was allowed to sit in this class instead: strange to its roster, and no stranger.
  SELECT s.device, s.counter, COUNT(DISTINCT p.class || '/' || p.trainee) AS guests
  FROM sessions s
  JOIN permits p ON p.to_class = s.class AND p.what = 'swap'
    AND (p."from" IS NULL OR p."from" <= s.close) AND (p."to" IS NULL OR p."to" >= s.open)
  GROUP BY s.device, s.counter
), odd AS MATERIALIZED (
  SELECT s.class, s.session, s.device, s.counter, s.stranger_n - $per_swap * COALESCE(w.guests, 0) AS strangers
  FROM sessions s
  LEFT JOIN swaps w ON w.device = s.device AND w.counter = s.counter
  WHERE s.stranger_n - $per_swap * COALESCE(w.guests, 0) >= $min_cards
    AND (s.stranger_n - $per_swap * COALESCE(w.guests, 0)) * 1000 >= $min_permille * s.roster_n
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.class = s.class AND p.what IN ('joint', 'shared-terminal')
                      AND (p."from" IS NULL OR p."from" <= s.close) AND (p."to" IS NULL OR p."to" >= s.open))
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.to_class = s.class AND p.what = 'joint'
                      AND (p."from" IS NULL OR p."from" <= s.close) AND (p."to" IS NULL OR p."to" >= s.open))
), classes_of AS (
  SELECT class, COUNT(DISTINCT session) AS sessions, MAX(strangers) AS most
  FROM odd GROUP BY class HAVING COUNT(DISTINCT session) >= $min_sessions
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('strangers' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, k.sessions, k.most AS n
FROM classes_of k
JOIN odd o ON o.class = k.class
JOIN claimed_cells c ON c.class = o.class AND c.device = o.device AND c.counter = o.counter
WHERE c.shape <> 'unproven'

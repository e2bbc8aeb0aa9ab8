-- id: outside-licence
-- grade: certain
-- family: eligibility
-- scope: class
-- needs: licences
-- title_zh: 超许可范围
-- title_en: Taught outside the licence
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（培训机构资质与许可范围）
-- explain_zh: 开班当日，该机构在许可名录中没有覆盖本班职业、等级和培训点的许可；本班 {cells} 个申领学时均不应支付。
-- explain_en: On the day of opening the institution had no licence for this class's occupation, level and site. All {cells} hours claimed for it are not due.
-- explain_not-licensed_zh: 开班当日，该机构没有任何有效许可；本班 {cells} 个申领学时均不应支付。
-- explain_not-licensed_en: On the day of opening the institution had no licence in force. All {cells} hours claimed for this class are not due.
-- explain_occupation_zh: 开班当日，该机构的许可不包括本班所申领的职业；涉及 {cells} 个申领学时。
-- explain_occupation_en: On the day of opening the institution's licence did not include the occupation that was claimed. {cells} claimed hours hang on it.
-- explain_level_zh: 开班当日，该机构的许可不包括本班所申领的等级；涉及 {cells} 个申领学时。
-- explain_level_en: On the day of opening the institution's licence did not include the level that was claimed. {cells} claimed hours hang on it.
-- explain_site_zh: 开班当日，本班的培训点未在该机构许可中登记；涉及 {cells} 个申领学时。
-- explain_site_en: On the day of opening the class's site was not registered in the institution's licence. {cells} claimed hours hang on it.
-- innocent_zh: 许可已扩项而名录更新滞后；培训点变更已备案。
-- innocent_en: The licence was widened and the register lags behind; the move of the site was filed.
-- next_zh: 核对许可原件；确属超范围的，该班不予支付，并纠正开班审批。
-- next_en: See the licence itself; where the class is outside it, refuse the class and correct its approval.

-- What is claimed may differ by trainee. Where neither says an occupation, there is nothing to compare.
WITH asked AS (
  SELECT c.class, k.trainee, c.institution, c.site, c.opens, COALESCE(k.occupation, c.occupation) AS occupation,
         COALESCE(k.level, c.level) AS level
  FROM claims k JOIN classes c ON c.class = k.class
  WHERE c.opens IS NOT NULL AND COALESCE(k.occupation, c.occupation) IS NOT NULL
),
what AS (
  SELECT class, institution, site, opens, occupation, level
  FROM asked GROUP BY class, institution, site, opens, occupation, level
),
moved AS (SELECT class, site FROM permits WHERE what = 'move' GROUP BY class, site),
fits AS (
  SELECT w.class, w.occupation, w.level,
         SUM(CASE WHEN l.institution IS NOT NULL THEN 1 ELSE 0 END) AS licensed,
         SUM(CASE WHEN l.occupation = w.occupation THEN 1 ELSE 0 END) AS occupations,
         SUM(CASE WHEN l.occupation = w.occupation AND (l.level IS NULL OR w.level IS NULL OR l.level = w.level)
                  THEN 1 ELSE 0 END) AS levels,
         SUM(CASE WHEN l.occupation = w.occupation AND (l.level IS NULL OR w.level IS NULL OR l.level = w.level)
                   -- A site that the class was moved to with permission needs no entry of its own.
                   AND (l.site IS NULL OR w.site IS NULL OR l.site = w.site OR m.class IS NOT NULL)
                  THEN 1 ELSE 0 END) AS sites
  FROM what w
  -- Of licences only those that were in force when the class opened.
  LEFT JOIN licences l ON l.institution = w.institution
    AND l."from" <= w.opens AND (l."to" IS NULL OR l."to" >= w.opens)
  LEFT JOIN moved m ON m.class = w.class AND (m.site IS NULL OR m.site = w.site)
  GROUP BY w.class, w.occupation, w.level
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CASE WHEN f.licensed = 0 THEN 'not-licensed' WHEN f.occupations = 0 THEN 'occupation'
            WHEN f.levels = 0 THEN 'level' ELSE 'site' END AS kind, c.lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to
FROM fits f
JOIN asked a ON a.class = f.class AND a.occupation = f.occupation AND COALESCE(a.level, '') = COALESCE(f.level, '')
JOIN claimed_cells c ON c.class = a.class AND c.trainee = a.trainee
WHERE f.sites = 0

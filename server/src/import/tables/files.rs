//! Each table's file: what its columns are called by an official, and what their cells hold.

use super::Cell::{Id, Identity, Known, Person, Text, Time, Whole, Words, Yes};
use super::{Cell, Field, File};
use crate::import::values::Word;

const fn must(zh: &'static str, cell: Cell) -> Field {
    Field { zh, cell, optional: false }
}

const fn may(zh: &'static str, cell: Cell) -> Field {
    Field { zh, cell, optional: true }
}

const COUNT: Cell = Whole(0..=1_000_000);
const CLASS: Cell = Known("class");
const SITE: Cell = Known("site");
const SECOND: Cell = Whole(0..=86_400);

const NETWORKS: &[Word] = &[("town", "城镇"), ("pastoral", "牧区")];
const REGISTERED: &[Word] = &[
    ("category", "人员类别"),
    ("employed", "就业"),
    ("pension", "养老金"),
    ("pupil", "在读"),
    ("hospital", "住院"),
    ("custody", "羁押"),
    ("service", "服役"),
    ("abroad", "出境"),
    ("dead", "死亡"),
];
const PERMITTED: &[Word] = &[
    ("swap", "调课"),
    ("move", "换场地"),
    ("substitute", "代课"),
    ("joint", "合班"),
    ("hours", "时段"),
    ("shared-terminal", "共用终端"),
    ("practice", "实操"),
    ("twins", "双胞胎"),
    ("emergency", "应急"),
    ("replacement", "替换"),
];
const OWNING: &[Word] = &[
    ("owner", "股东"),
    ("representative", "法定代表人"),
    ("address", "地址"),
    ("phone", "电话"),
    ("payee", "收款账户"),
];
const DECLARING: &[Word] =
    &[("self", "本人"), ("relative", "亲属"), ("address", "地址"), ("phone", "电话"), ("payee", "收款账户")];

/// All files.
pub static FILES: [File; 13] = [
    File {
        name: "programmes",
        unique: 1,
        fields: &[must("政策", Text), may("班额上限", COUNT), may("年度次数上限", COUNT)],
    },
    File {
        name: "sites",
        unique: 1,
        fields: &[
            must("培训点", Id),
            may("纬度", Whole(-90_000_000..=90_000_000)),
            may("经度", Whole(-180_000_000..=180_000_000)),
            may("网络", Words(NETWORKS)),
        ],
    },
    File {
        name: "rooms",
        unique: 3,
        fields: &[must("机构代码", Id), must("培训点", Id), must("教室", Text), must("座位", COUNT)],
    },
    File {
        name: "licences",
        unique: 5,
        fields: &[
            must("机构代码", Id),
            may("培训点", Id),
            must("职业", Text),
            may("等级", Text),
            must("起", Time),
            may("止", Time),
        ],
    },
    File {
        name: "payments",
        unique: 5,
        fields: &[
            must("公民身份号码", Person),
            must("职业", Text),
            may("等级", Text),
            must("时间", Time),
            may("机构代码", Id),
        ],
    },
    File {
        name: "registers",
        unique: 7,
        fields: &[
            must("公民身份号码", Person),
            must("事项", Words(REGISTERED)),
            may("人员类别", Text),
            must("是否", Yes),
            may("起", Time),
            may("止", Time),
            must("答复时间", Time),
        ],
    },
    File {
        name: "permits",
        unique: 10,
        fields: &[
            must("事项", Words(PERMITTED)),
            may("班期", CLASS),
            may("学员", Id),
            may("课", Id),
            may("对方班期", CLASS),
            may("培训点", SITE),
            must("起", Time),
            must("止", Time),
            must("批准时间", Time),
            must("批准人", Id),
        ],
    },
    File {
        name: "inspections",
        unique: 4,
        fields: &[
            must("培训点", SITE),
            may("班期", CLASS),
            may("课次", Id),
            must("时间", Time),
            may("通知时间", Time),
            must("检查人", Id),
            may("人数", COUNT),
            may("属实", Yes),
        ],
    },
    File {
        name: "positions",
        unique: 2,
        fields: &[
            must("考勤终端", Known("device")),
            must("计数", Whole(1..=i64::MAX)),
            must("距离", Whole(0..=30_000_000)),
        ],
    },
    File {
        name: "owners",
        unique: 3,
        fields: &[must("机构代码", Id), must("类别", Words(OWNING)), must("标识", Identity)],
    },
    File {
        name: "declared",
        unique: 3,
        fields: &[must("经办人", Id), must("类别", Words(DECLARING)), must("标识", Identity)],
    },
    File {
        name: "duties",
        unique: 3,
        fields: &[must("经办人", Id), must("机构代码", Id), must("起", Time), may("止", Time)],
    },
    File {
        name: "hours_of_work",
        unique: 3,
        fields: &[must("科室", Text), must("星期", Whole(1..=7)), must("起秒", SECOND), must("止秒", SECOND)],
    },
];

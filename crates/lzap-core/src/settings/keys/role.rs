//! The keys about the role of the function.

use lzap_wire::limits;
use serde_json::Value;

use crate::role::Statement;
use crate::settings::key::DefaultValue::{Described, Fixed};
use crate::settings::key::Limit::{Chars, NotEmpty, Pattern, Required, Size};
use crate::settings::key::{Declaration, Key, declare};
use crate::settings::table::Table;
use crate::settings::value::Conditions;

const CREATE_ROLE: &str = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html";

declare! {
    const ROLE_KEYS;

    ROLE_ARN: Option<String> = Key {
        table: Table::Stage,
        name: "role_arn",
        text: "The ARN of an existing role for the function. lzap then creates, changes and deletes no role, and reads nothing \
               of IAM. It excludes the other keys that begin with `role_`.",
        unit: "",
        default: Described("none: lzap creates a role", || None),
        limits: &[Pattern {
            regex: r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]+$",
            is: "the ARN of a role",
            help: "write it as `arn:aws:iam::123456789012:role/NAME`, with the role's path if it has one",
        }],
        page: "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    };
    ROLE_PATH: String = Key {
        table: Table::Stage,
        name: "role_path",
        text: "The IAM path of the role that lzap creates. It can't be changed later.",
        unit: "",
        default: Fixed(|| "/".to_owned()),
        limits: &[
            Pattern {
                regex: r"^/([A-Za-z0-9+=,.@_-]+/)*$",
                is: "an IAM path",
                help: "write it as `/team/`, with a `/` at both ends, and letters, digits and `+=,.@_-` between them",
            },
            Chars(limits::ROLE_PATH_CHARS),
        ],
        page: CREATE_ROLE,
    };
    ROLE_PERMISSIONS_BOUNDARY: Option<String> = Key {
        table: Table::Stage,
        name: "role_permissions_boundary",
        text: "The ARN of the policy that is the permissions boundary of the role that lzap creates.",
        unit: "",
        default: Described("none", || None),
        limits: &[Pattern {
            regex: r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]+$",
            is: "the ARN of a policy",
            help: "write it as `arn:aws:iam::123456789012:policy/NAME`",
        }],
        page: CREATE_ROLE,
    };
    ROLE_STATEMENTS: Vec<Statement> = Key {
        table: Table::Stage,
        name: "role_statements",
        text: "What the role that lzap creates allows in addition to writing its logs.",
        unit: "",
        default: Described("nothing", Vec::new),
        limits: &[Size {
            max: limits::ROLE_POLICY_CHARS,
            of: "characters as JSON, without white space",
            measure: |statements| {
                let documents: Value = statements.iter().map(Statement::to_policy_statement).collect();
                documents.to_string().chars().filter(|it| !it.is_whitespace()).count()
            },
        }],
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    };

    STATEMENT_ACTIONS: Vec<String> = Key {
        table: Table::RoleStatements,
        name: "actions",
        text: "The allowed actions, as IAM names them: `\"s3:GetObject\"`.",
        unit: "",
        default: Described("required", Vec::new),
        limits: &[Required, NotEmpty],
        page: "https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html",
    };
    STATEMENT_RESOURCES: Vec<String> = Key {
        table: Table::RoleStatements,
        name: "resources",
        text: "The ARNs of the resources on which the actions are allowed.",
        unit: "",
        default: Described("required", Vec::new),
        limits: &[Required, NotEmpty],
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html",
    };
    STATEMENT_CONDITIONS: Conditions = Key {
        table: Table::RoleStatements,
        name: "conditions",
        text: "The conditions under which the actions are allowed: operators, for each operator keys, and for each key a value \
               or a list of values.",
        unit: "",
        default: Described("always", Conditions::new),
        limits: &[],
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html",
    };
}

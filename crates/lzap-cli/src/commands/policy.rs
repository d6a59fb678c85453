//! `lzap policy`: what the deploying identity needs to be allowed, as a policy document on stdout; for a workflow on
//! GitHub also who may take the role, and the workflow.

use lzap_aws::{Clients, Cloud};
use lzap_core::names::{Names, Place, partition};
use lzap_core::permissions::github::{self, Repository};
use lzap_core::permissions::{policy, size};
use lzap_core::settings::Settings;
use lzap_wire::limits::MANAGED_POLICY_CHARS;
use serde_json::{Value, json};

use crate::cli::PolicyArgs;
use crate::context::{Context, resource_names};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::policy_view::{self, Documents};

/// The repository from which a workflow's cargo installs lzap.
const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");

/// Prints the policy, and with `--github` the other documents. Calls AWS only without `--account`,
/// for a stage on AWS: one `sts:GetCallerIdentity`.
pub(crate) async fn run(context: &Context, args: &PolicyArgs) -> Result<Exit, CliError> {
    let stage = args.stage.stage.as_deref();
    let settings = context.load_config(stage)?.settings(context, stage)?;
    let names = resource_names(&settings, find_place(&settings, args.account.as_deref()).await?);
    let policy = policy(&names, settings.role.permissions_boundary(), settings.workers.is_some());
    warn_of_size(context, &policy);
    let Some(repository) = &args.github else {
        context.printer.print_data(format_args!("{policy:#}\n"));
        context.printer.print_json(&policy);
        return Ok(Exit::Done);
    };
    let documents = github_documents(policy, &names, &settings, repository, &args.branch);
    show_github(context, &names, repository, &documents);
    Ok(Exit::Done)
}

/// Returns account and region. Asks AWS only for the account if no option names it, and the AWS config files
/// for the region if nothing else does.
async fn find_place(settings: &Settings, account: Option<&str>) -> Result<Place, CliError> {
    // The embedded cloud has a fixed account and region, so it need not run.
    if settings.is_local() {
        let account = account.unwrap_or(lzap_local::ACCOUNT).to_owned();
        return Ok(Place { partition: "aws".to_owned(), account, region: lzap_local::REGION.to_owned() });
    }
    if let (Some(account), Some(region)) = (account, &settings.region) {
        return Ok(place_without_aws(account, region));
    }
    let cloud = Cloud::Aws { region: settings.region.clone(), profile: settings.profile.clone() };
    let clients = Clients::connect(&cloud).await?;
    match account {
        Some(account) => Ok(place_without_aws(account, clients.region())),
        None => Ok(lzap_aws::identity(&clients).await?),
    }
}

/// Returns the place by account and region alone. The region decides the partition (`aws-cn`, `aws-us-gov`),
/// which stands in every ARN.
fn place_without_aws(account: &str, region: &str) -> Place {
    let partition = partition(region).to_owned();
    Place { partition, account: account.to_owned(), region: region.to_owned() }
}

/// Warns if the policy exceeds the size limit of a managed policy. It is printed nevertheless, since two
/// policies can be attached.
fn warn_of_size(context: &Context, policy: &Value) {
    let chars = size(policy);
    if chars > MANAGED_POLICY_CHARS {
        context.printer.print_warning(format_args!(
            "the policy has {chars} characters, and IAM takes {MANAGED_POLICY_CHARS} in a managed one: attach it in two parts"
        ));
    }
}

/// Returns the documents that a deploy from a workflow of `repository` needs: only workflows of `branch` may
/// assume the role.
fn github_documents(
    policy: Value,
    names: &Names,
    settings: &Settings,
    repository: &Repository,
    branch: &str,
) -> Documents {
    Documents {
        policy,
        trust_policy: github::trust_policy(names, repository, branch),
        workflow: github::workflow(names, branch, settings.architecture, SOURCE),
    }
}

/// Prints the documents, with a note if the tokens of the repository may have another form.
fn show_github(context: &Context, names: &Names, repository: &Repository, documents: &Documents) {
    if !repository.has_ids() {
        context.printer.print_status("Note", policy_view::ids_hint(repository));
    }
    context.printer.print_data(policy_view::format_github_documents(names, documents));
    context.printer.print_json(&json!({
        "policy": documents.policy,
        "trust_policy": documents.trust_policy,
        "workflow": documents.workflow,
    }));
}

"""Every method of MLflow's registry store, by what it may do here; what is not listed is refused.

The second layer does not know who calls: the first does, and lets the Gatekeeper alone change a
registered model. What stands here holds for whoever calls, the Gatekeeper included.
"""

from enum import StrEnum


class MethodClass(StrEnum):
    """What a method is let do."""

    READ = "read"  # changes nothing
    DESCRIBE = "describe"  # texts for people, which no program decides by
    EVIDENCE = "evidence"  # only what the evidence on the server's disk and in the run says
    REFUSED = "refused"  # never


READ = MethodClass.READ
DESCRIBE = MethodClass.DESCRIBE
EVIDENCE = MethodClass.EVIDENCE
REFUSED = MethodClass.REFUSED

METHODS = {
    # Registered models.
    "create_registered_model": EVIDENCE,
    "update_registered_model": DESCRIBE,
    "rename_registered_model": REFUSED,  # a name belongs to a use case
    "delete_registered_model": REFUSED,  # and would be free to be made anew
    "search_registered_models": READ,
    "get_registered_model": READ,
    "get_latest_versions": READ,
    "set_registered_model_tag": EVIDENCE,
    "delete_registered_model_tag": EVIDENCE,
    # Versions.
    "create_model_version": EVIDENCE,
    "update_model_version": DESCRIBE,
    "transition_model_version_stage": REFUSED,  # anybody's wish, about no decision
    "delete_model_version": EVIDENCE,
    "get_model_version": READ,
    "get_model_version_download_uri": READ,
    "search_model_versions": READ,
    "set_model_version_tag": EVIDENCE,
    "delete_model_version_tag": EVIDENCE,
    "copy_model_version": REFUSED,  # its source is the name of another version
    # Aliases.
    "set_registered_model_alias": EVIDENCE,
    "delete_registered_model_alias": EVIDENCE,
    "get_model_version_by_alias": READ,
    # A prompt is a registered model by a tag, and its versions have no evidence.
    "create_prompt": REFUSED,
    "create_prompt_version": REFUSED,
    "delete_prompt": REFUSED,
    "delete_prompt_alias": REFUSED,
    "delete_prompt_tag": REFUSED,
    "delete_prompt_version": REFUSED,
    "delete_prompt_version_tag": REFUSED,
    "get_prompt": READ,
    "get_prompt_version": READ,
    "get_prompt_version_by_alias": READ,
    "link_prompt_version_to_model": REFUSED,
    "link_prompt_version_to_run": REFUSED,
    "link_prompts_to_trace": REFUSED,
    "search_prompt_versions": READ,
    "search_prompts": READ,
    "set_prompt_alias": REFUSED,
    "set_prompt_tag": REFUSED,
    "set_prompt_version_tag": REFUSED,
    # Calls to addresses that somebody chose, from inside.
    "create_webhook": REFUSED,
    "update_webhook": REFUSED,
    "delete_webhook": REFUSED,
    "test_webhook": REFUSED,
    "get_webhook": READ,
    "list_webhooks": READ,
    "list_webhooks_by_event": READ,
    # Not of the models.
    "supports_workspaces": READ,
}

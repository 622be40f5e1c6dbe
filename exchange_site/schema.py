"""OpenAPI: every answer is shown in its envelope (H-3)."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import ListSerializer


class EnvelopeSchema(AutoSchema):
    """Shows every answer in the envelope that the renderer puts it into (H-3)."""

    def _get_response_for_code(
        self, serializer: Any, status_code: Any, media_types: Any = None, direction: Any = "response"
    ) -> Any:
        response = super()._get_response_for_code(serializer, status_code, media_types, direction)
        for content in response.get("content", {}).values():
            content["schema"] = _enveloped(content.get("schema", {}), str(status_code).startswith("2"))
        return response

    def _get_examples(self, serializer: Any, *args: Any, **kwargs: Any) -> Any:
        """Examples as they stand: those of a list are whole answers already."""
        if isinstance(serializer, ListSerializer):
            serializer = serializer.child
        return super()._get_examples(serializer, *args, **kwargs)


def _enveloped(schema: dict[str, Any], succeeds: bool) -> dict[str, Any]:
    error = {
        "type": "object",
        "nullable": True,
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "extra": {"type": "object", "additionalProperties": True},
        },
    }
    return {
        "type": "object",
        "required": ["success", "data", "error"],
        "properties": {
            "success": {"type": "boolean", "enum": [succeeds]},
            "data": schema if succeeds else {"nullable": True},
            "error": error,
        },
    }

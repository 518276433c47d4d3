"""What was found about a face, as messages."""

from __future__ import annotations

from locutor.lipsync.v1 import lipsync_pb2
from services.lipsync.inspection import Finding, Inspection, Severity
from services.lipsync.landmarks import FaceLandmarks


def finding_message(finding: Finding) -> lipsync_pb2.Finding:
    severity = lipsync_pb2.SEVERITY_ERROR if finding.severity is Severity.ERROR else lipsync_pb2.SEVERITY_WARNING
    return lipsync_pb2.Finding(severity=severity, reason=finding.reason, message=finding.message)


def inspection_message(inspection: Inspection) -> lipsync_pb2.InspectResponse:
    return lipsync_pb2.InspectResponse(
        usable=inspection.usable,
        findings=[finding_message(finding) for finding in inspection.findings],
        width_pixels=inspection.width,
        height_pixels=inspection.height,
        face=face_message(inspection.face) if inspection.face is not None else None,
    )


def face_message(face: FaceLandmarks) -> lipsync_pb2.Face:
    left, top, right, bottom = face.bounding_box
    return lipsync_pb2.Face(
        left_pixels=left,
        top_pixels=top,
        width_pixels=right - left,
        height_pixels=bottom - top,
        interocular_pixels=face.interocular,
        yaw_degrees=face.yaw,
        pitch_degrees=face.pitch,
        roll_degrees=face.roll,
    )

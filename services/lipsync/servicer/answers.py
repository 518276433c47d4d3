"""What was found and done, as messages."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from locutor.lipsync.v1 import lipsync_pb2
from services.engine import ModelInfo
from services.lipsync.footage import FaceTrack, Usability
from services.lipsync.inspection import Finding, Inspection, Severity
from services.lipsync.landmarks import FaceLandmarks
from services.lipsync.revoicing import Summary, Tracked
from services.serving.messages import duration, model_message


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


def tracks_message(tracked: Tracked, model: ModelInfo) -> lipsync_pb2.TrackFacesSummary:
    return lipsync_pb2.TrackFacesSummary(
        frame_count=tracked.tracks.frame_count,
        shots=tracked.tracks.shots,
        faces=[_track_message(face) for face in tracked.tracks.faces],
        model=model_message(model),
        held_frames=tracked.held_frames,
        damage=tracked.damage,
    )


def _track_message(track: FaceTrack) -> lipsync_pb2.FaceTrack:
    middle = FaceLandmarks(track.points[len(track.points) // 2], {}, np.eye(4, dtype=np.float32))
    return lipsync_pb2.FaceTrack(
        person=track.person,
        first_frame=track.first_frame,
        frame_count=len(track.points),
        face=face_message(middle),
        usable_frames=int((track.usability == Usability.USABLE).sum()),
    )


def revoiced_message(summary: Summary, frame_rate: Fraction) -> lipsync_pb2.AnimateVideoSummary:
    unusable = [
        lipsync_pb2.UnusableSpan(
            start_offset=duration(float(span.first_frame / frame_rate)), end_offset=duration(float(span.end_frame / frame_rate)), reason=span.reason.name
        )
        for span in summary.unusable
    ]
    return lipsync_pb2.AnimateVideoSummary(
        frame_count=summary.frame_count,
        changed_frames=summary.changed_frames,
        unusable=unusable,
        persons=summary.persons,
        held_frames=summary.held_frames,
        damage=summary.damage,
    )

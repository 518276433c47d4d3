"""The containers that are read, by FFmpeg's names: one list for all who open what a stranger has sent."""

from __future__ import annotations

# Files alone, and no playlists or manifests: those would make FFmpeg open what they name.
CONTAINERS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,ivf,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,mxf,ogg,rm,tta,voc,w64,wav,wv"

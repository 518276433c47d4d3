"""The presenter's pipeline: plan, translate, speak, animate, assemble."""

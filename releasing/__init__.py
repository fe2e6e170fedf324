"""What a release is made of: licences, requirements with hashes, bill of materials. Not in the wheel."""
